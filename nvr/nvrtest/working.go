package nvrtest

import (
	"encoding/json"
	"net/http"
)

// WorkingShape is the form of System/workingstatus?format=json.
type WorkingShape int

const (
	// WorkingDefault is WorkingWrapped on an NVR, WorkingNone elsewhere.
	WorkingDefault WorkingShape = iota
	// WorkingWrapped is {"WorkingStatus":{"ChanStatus":[…],"HDStatus":[…]}}
	// (DS-7616NI V4.84).
	WorkingWrapped
	// WorkingBare is the same without the object around it.
	WorkingBare
	// WorkingNamed is {"ChanStatusList":{"ChanStatus":[…]}} with names and
	// recordStatus, and no disks (DS-7732NI-I4(B)).
	WorkingNamed
	// WorkingLone is WorkingWrapped with a lone object where there is one
	// channel or one disk.
	WorkingLone
	// WorkingNone is not supported.
	WorkingNone
)

func (s WorkingShape) String() string {
	switch s {
	case WorkingDefault:
		return "WorkingDefault"
	case WorkingWrapped:
		return "WorkingWrapped"
	case WorkingBare:
		return "WorkingBare"
	case WorkingNamed:
		return "WorkingNamed"
	case WorkingLone:
		return "WorkingLone"
	case WorkingNone:
		return "WorkingNone"
	}
	panic("nvrtest: unknown WorkingShape")
}

const typeJSON = `application/json; charset="UTF-8"`

// chanStatus is a channel of workingstatus.
type chanStatus struct {
	ChanNo       int    `json:"chanNo"`
	Name         string `json:"name,omitempty"`
	Online       int    `json:"online"`
	Record       int    `json:"record"`
	RecordStatus *int   `json:"recordStatus,omitempty"`
	Signal       int    `json:"signal"`
	LinkNum      int    `json:"linkNum"`
	BitRate      int    `json:"bitRate"`
}

// hdStatus is a disk of workingstatus.
type hdStatus struct {
	HDNo      int   `json:"hdNo"`
	Status    int   `json:"status"`
	Volume    int64 `json:"volume"`
	FreeSpace int64 `json:"freeSpace"`
}

// workingStatus is the document; the lists are any since devices write a lone
// object, too.
type workingStatus struct {
	DevStatus  int `json:"devStatus"`
	ChanStatus any `json:"ChanStatus"`
	HDStatus   any `json:"HDStatus"`
}

// SetRecording says whether a channel records while it is online; it does so by
// default.
func (r *Recorder) SetRecording(c Channel, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents.idle == nil {
		r.contents.idle = map[Channel]bool{}
	}
	r.contents.idle[c] = !on
}

// workingShape is the form that the device has.
func (r *Recorder) workingShape() WorkingShape {
	switch {
	case r.config.WorkingStatus != WorkingDefault:
		return r.config.WorkingStatus
	case r.config.Model == NVR:
		return WorkingWrapped
	}
	return WorkingNone
}

// working answers System/workingstatus.
func (r *Recorder) working(q asked) answer {
	channels, disks := r.chanStatuses(), r.hdStatuses()
	inner := workingStatus{ChanStatus: channels, HDStatus: disks}
	switch r.workingShape() {
	case WorkingDefault, WorkingNone:
		return r.refuse(q, http.StatusForbidden, "notSupport")
	case WorkingBare:
		return jsonAnswer(http.StatusOK, inner)
	case WorkingNamed:
		return jsonAnswer(http.StatusOK, map[string]any{"ChanStatusList": map[string]any{"ChanStatus": r.named(channels)}})
	case WorkingLone:
		if len(channels) == 1 {
			inner.ChanStatus = channels[0]
		}
		if len(disks) == 1 {
			inner.HDStatus = disks[0]
		}
	case WorkingWrapped:
	}
	return jsonAnswer(http.StatusOK, map[string]any{"WorkingStatus": inner})
}

// chanStatuses are those of all configured channels. On a hybrid the IP channels
// are numbered from 33.
func (r *Recorder) chanStatuses() []chanStatus {
	all := []chanStatus{}
	for _, s := range r.contents.of(true) {
		all = append(all, r.chanStatus(s, s.channel.id))
	}
	for i, s := range r.contents.of(false) {
		n := s.channel.id
		if r.config.Model == DVR {
			n = firstDigital + i
		}
		all = append(all, r.chanStatus(s, n))
	}
	return all
}

// firstDigital is the number of a hybrid's first IP channel.
const firstDigital = 33

func (r *Recorder) chanStatus(s slot, n int) chanStatus {
	c := chanStatus{ChanNo: n, Online: b2i(s.Online), Record: b2i(s.Online && !r.contents.idle[s.channel]), Signal: b2i(!s.Online)}
	if s.Online {
		c.BitRate = 3145728
	}
	return c
}

// named adds what DS-7732NI-I4(B) tells: 0 records, 2 the camera is offline, 3
// another reason.
func (r *Recorder) named(channels []chanStatus) []chanStatus {
	slots := append(r.contents.of(true), r.contents.of(false)...)
	for i := range channels {
		c := &channels[i]
		reason := 3
		switch {
		case c.Online == 0:
			reason = 2
		case c.Record == 1:
			reason = 0
		}
		c.Name, c.RecordStatus = slots[i].Name, &reason
	}
	return channels
}

func (r *Recorder) hdStatuses() []hdStatus {
	all := []hdStatus{}
	for _, d := range r.contents.disks {
		if !d.Share && d.Status != "notexist" {
			all = append(all, hdStatus{d.ID, diskState(d.Status), d.Capacity, d.Free})
		}
	}
	return all
}

// diskState is the number of a status (NET_DVR_DISKSTATE).
func diskState(status string) int {
	switch status {
	case "ok":
		return 0
	case "idle", "sleep", "sleeping":
		return 1
	case "unformatted":
		return 4
	case "offline":
		return 5
	case "formating", "formatting":
		return 6
	}
	return 2
}

// jsonAnswer answers with a JSON document.
func jsonAnswer(status int, document any) answer {
	body, err := json.Marshal(document)
	if err != nil {
		panic("nvrtest: write JSON: " + err.Error())
	}
	return answer{status: status, contentType: typeJSON, body: body}
}

// refuse answers with a ResponseStatus, in JSON where that was asked for.
func (r *Recorder) refuse(q asked, status int, subStatus string) answer {
	if !q.json {
		return r.refusal(status, q.path, subStatus)
	}
	code, text := statusOf(subStatus)
	return jsonAnswer(status, map[string]any{"statusCode": code, "statusString": text, "subStatusCode": subStatus})
}
