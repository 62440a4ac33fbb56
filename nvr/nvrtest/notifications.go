package nvrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Notifications is how a device has System/status/disturbParams?format=json, which
// silences what its channels tell the owner's app. The zero value hasn't it. Known is
// the JSON of a PUT to a DS-7608NXI-I2/8P/S; that GET answers with it, and all else
// here, is a guess.
type Notifications struct {
	Supported bool
	// Silenced are the numbers of the channels that are silenced from the start.
	Silenced []int

	// Extra has members beside the known ones.
	Extra bool
	// Texts writes numbers and truth values as strings.
	Texts bool
	// Backwards writes members and channels in the other order.
	Backwards bool
	// Indented writes over many lines.
	Indented bool
	// XML answers GET in XML.
	XML bool

	// Verbatim keeps what is PUT byte for byte. Otherwise the device reads it and
	// writes it in its own manner from then on.
	Verbatim bool
	// Late is how long after a PUT it takes effect.
	Late time.Duration
	// Get is what it answers to GET instead, by its status.
	Get Refusal
	// Put is how it takes a PUT; After and Flush have no meaning here.
	Put Manner
}

const (
	pathNotifications = "System/status/disturbParams"
	channelList       = "disturbChannelList"
	// maxPuts is how many PUTs are kept; the oldest go first.
	maxPuts = 256
)

// notifications is the setting as it stands; under Recorder.mu.
type notifications struct {
	text []byte
	next []byte // takes effect at due
	due  time.Time
	puts [][]byte
}

// Notifications is the setting as it is kept, to the byte; nil where there is none.
// It outlasts restarts.
func (r *Recorder) Notifications() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notificationsLocked())
}

// SetNotifications replaces the setting by these bytes, as somebody else may do.
func (r *Recorder) SetNotifications(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.notifications.text, r.contents.notifications.next = slices.Clone(text), nil
}

// SetNotificationsManner changes how the device has the setting, and leaves the
// setting as it is.
func (r *Recorder) SetNotificationsManner(n Notifications) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notificationsLocked()
	r.config.Notifications = n
}

// NotificationPuts lists the bodies of the PUTs that were allowed to come so far,
// oldest first, whatever became of them: the last 256.
func (r *Recorder) NotificationPuts() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.contents.notifications.puts)
}

func (r *Recorder) notificationsLocked() []byte {
	d := &r.contents.notifications
	if d.text == nil && r.config.Notifications.Supported {
		d.text = r.config.Notifications.write(r.firstNotifications())
	}
	if d.next != nil && !r.now().Before(d.due) {
		d.text, d.next = d.next, nil
	}
	return d.text
}

// firstNotifications lists all channels by the numbers that workingstatus has.
func (r *Recorder) firstNotifications() map[string]any {
	n := r.config.Notifications
	channels := []any{}
	for _, c := range r.chanStatuses() {
		one := map[string]any{
			"channelID": c.ChanNo, "disturbEnabled": slices.Contains(n.Silenced, c.ChanNo),
			"disturbNotificationList": []any{map[string]any{"notificationMethod": "center"}},
		}
		if n.Extra {
			one["channelName"] = `"disturbEnabled":false, {[ <ä> \`
			one["timeRange"] = map[string]any{"disturbEnabled": false, "beginTime": "00:00", "endTime": nil, "share": json.Number("1.50e+2")}
		}
		channels = append(channels, one)
	}
	all := map[string]any{channelList: channels}
	if n.Extra {
		all["disturbEnabled"], all["version"] = false, "1.0"
	}
	return all
}

// write writes a setting in the device's manner.
func (n Notifications) write(setting map[string]any) []byte {
	if channels, ok := setting[channelList].([]any); ok {
		slices.SortFunc(channels, func(a, b any) int {
			if n.Backwards {
				a, b = b, a
			}
			return channelID(a) - channelID(b)
		})
	}
	text := n.value(setting)
	if !n.Indented {
		return text
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "\t"); err != nil {
		panic("nvrtest: indent JSON: " + err.Error())
	}
	return append(bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte(crlf)), crlf...)
}

// channelID is an entry's number, 0 for none.
func channelID(entry any) int {
	members, _ := entry.(map[string]any)
	n, _ := strconv.Atoi(fmt.Sprint(members["channelID"]))
	return n
}

// value writes a value with the members of objects in the device's order.
func (n Notifications) value(v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if n.Backwards {
			slices.Reverse(names)
		}
		var members [][]byte
		for _, name := range names {
			members = append(members, slices.Concat(n.value(name), []byte(":"), n.value(v[name])))
		}
		return slices.Concat([]byte("{"), bytes.Join(members, []byte(",")), []byte("}"))
	case []any:
		var items [][]byte
		for _, item := range v {
			items = append(items, n.value(item))
		}
		return slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]"))
	case int, bool, json.Number:
		if n.Texts {
			return []byte(strconv.Quote(fmt.Sprint(v)))
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("nvrtest: write JSON: " + err.Error())
	}
	return text
}

// disturbParams answers for the setting.
func (r *Recorder) disturbParams(q asked) answer {
	n, d := &r.config.Notifications, &r.contents.notifications
	switch {
	case q.method == http.MethodGet && n.Get.Status != 0:
		return r.refuse(q, n.Get.Status, n.Get.SubStatus)
	case q.method == http.MethodGet && n.XML:
		return r.document(http.StatusOK, r.traits.root("DisturbParams", parent(channelList)))
	case q.method == http.MethodGet:
		return answer{status: http.StatusOK, contentType: typeJSON, body: slices.Clone(r.notificationsLocked())}
	case q.method != http.MethodPut:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	}
	if d.puts = append(d.puts, q.body); len(d.puts) > maxPuts {
		d.puts = slices.Delete(d.puts, 0, 1)
	}
	if a, refused := r.mannerLocked(q, &n.Put); refused {
		return a
	}
	var setting map[string]any
	decoder := json.NewDecoder(bytes.NewReader(q.body))
	decoder.UseNumber()
	if err := decoder.Decode(&setting); err != nil || setting[channelList] == nil {
		return r.refuse(q, http.StatusBadRequest, "badJsonContent")
	}
	q.json = q.json != n.Put.OtherForm
	a := r.refuse(q, http.StatusOK, "ok")
	a.lost = n.Put.Lost
	switch {
	case n.Put.Ignored:
	case n.Verbatim:
		a.setting = q.body
	default:
		a.setting = n.write(setting)
	}
	return a
}

// keepLocked takes a setting that was PUT, if one was.
func (r *Recorder) keepLocked(setting []byte) {
	if setting == nil {
		return
	}
	d := &r.contents.notifications
	d.next, d.due = setting, r.now().Add(r.config.Notifications.Late)
	r.notificationsLocked()
}
