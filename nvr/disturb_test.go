package nvr_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hikbridge/nvr"
)

var documents = flag.Int("nvr.documents", 1_000, "how many made-up settings are silenced")

const known = `{"disturbChannelList":[{"channelID":3,"disturbEnabled":false,"disturbNotificationList":[{"notificationMethod":"center"}]}]}`

// listing is a setting with these entries.
func listing(entries ...string) string {
	return `{"disturbChannelList":[` + strings.Join(entries, ",") + `]}`
}

// entry is a channel in the known form.
func entry(number int, silenced bool) string {
	return fmt.Sprintf(`{"channelID":%d,"disturbEnabled":%t,"disturbNotificationList":[{"notificationMethod":"center"}]}`, number, silenced)
}

func TestSilencingChangesNothingButTheValues(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		want string // "" for the same
	}{
		{"the known document", known, strings.Replace(known, "false", "true", 1)},
		{"what was silenced stays so", listing(entry(1, true), entry(2, false), entry(3, true)), listing(entry(1, true), entry(2, true), entry(3, true))},
		{"all are silenced", listing(entry(1, true), entry(2, true)), ""},
		{"blanks and line breaks", "\r\n { \"disturbChannelList\"\t:\n[ {\"channelID\" : 1 ,\"disturbEnabled\"\r\n:\t false\n} ] } \n", "\r\n { \"disturbChannelList\"\t:\n[ {\"channelID\" : 1 ,\"disturbEnabled\"\r\n:\t true\n} ] } \n"},
		{"the value comes first", `{"disturbChannelList":[{"disturbEnabled":false,"channelID":1}]}`, `{"disturbChannelList":[{"disturbEnabled":true,"channelID":1}]}`},
		{"the list comes last", `{"v":[{"disturbEnabled":false}],"disturbChannelList":[{"channelID":1,"disturbEnabled":false}]}`, `{"v":[{"disturbEnabled":false}],"disturbChannelList":[{"channelID":1,"disturbEnabled":true}]}`},
		{"numbers as texts", `{"disturbChannelList":[{"channelID":"1","disturbEnabled":"false"}]}`, `{"disturbChannelList":[{"channelID":"1","disturbEnabled":"true"}]}`},
		{"in capitals", `{"disturbChannelList":[{"channelID":1,"disturbEnabled":"FALSE"},{"channelID":2,"disturbEnabled":"False"}]}`, `{"disturbChannelList":[{"channelID":1,"disturbEnabled":"TRUE"},{"channelID":2,"disturbEnabled":"True"}]}`},
		{"as numbers", `{"disturbChannelList":[{"channelID":1,"disturbEnabled":0},{"channelID":2,"disturbEnabled":"0"},{"channelID":3,"disturbEnabled":1}]}`, `{"disturbChannelList":[{"channelID":1,"disturbEnabled":1},{"channelID":2,"disturbEnabled":"1"},{"channelID":3,"disturbEnabled":1}]}`},
		{"names in other case", `{"DisturbChannelList":[{"ChannelID":1,"DISTURBENABLED":false}]}`, `{"DisturbChannelList":[{"ChannelID":1,"DISTURBENABLED":true}]}`},
		{"an escaped name", `{"disturbChannelList":[{"channelID":1,"disturb\u0045nabled":false}]}`, `{"disturbChannelList":[{"channelID":1,"disturb\u0045nabled":true}]}`},
		{"no list of methods", `{"disturbChannelList":[{"channelID":0,"disturbEnabled":false,"disturbNotificationList":null}]}`, `{"disturbChannelList":[{"channelID":0,"disturbEnabled":true,"disturbNotificationList":null}]}`},
		{"the same words elsewhere", `{"disturbEnabled":false,"disturbChannelList":[{"name":"\"disturbEnabled\":false,","channelID":1,"disturbEnabled":false,"more":{"disturbEnabled":false,"disturbChannelList":[{"channelID":1,"disturbEnabled":false}]}}]}`,
			`{"disturbEnabled":false,"disturbChannelList":[{"name":"\"disturbEnabled\":false,","channelID":1,"disturbEnabled":true,"more":{"disturbEnabled":false,"disturbChannelList":[{"channelID":1,"disturbEnabled":false}]}}]}`},
		{"what decoding would lose", `{"n":[1.50e+2,-0.0,123456789012345678901,"\u00e4\/\u2028<&>"],"disturbChannelList":[{"channelID":1,"disturbEnabled":false}]}`,
			`{"n":[1.50e+2,-0.0,123456789012345678901,"\u00e4\/\u2028<&>"],"disturbChannelList":[{"channelID":1,"disturbEnabled":true}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			got, changed, err := nvr.SilenceAll(in)
			want := tt.want
			if want == "" {
				want = tt.in
			}
			if err != nil || string(got) != want || changed != (tt.want != "") {
				t.Fatalf("%s, %v, %v", got, changed, err)
			}
			onlySilenced(t, in, got)
			if string(in) != tt.in {
				t.Error("the document was written to")
			}
		})
	}
}

func TestWhatIsNotUnderstoodIsNotSilenced(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	many := make([]string, 257)
	for i := range many {
		many[i] = entry(i, false)
	}
	for _, tt := range []struct{ name, in, says string }{
		{"nothing", "", "no JSON"},
		{"XML", "<DisturbParams/>", "no JSON"},
		{"half of it", known[:60], "no JSON"},
		{"something behind it", known + known, "no JSON"},
		{"a NUL behind it", known + "\x00", "no JSON"},
		{"a byte order mark", "\xef\xbb\xbf" + known, "no JSON"},
		{"another encoding", `{"n":"` + "\xc7\xe5" + `",` + known[1:], "no JSON"},
		{"a list", "[" + known + "]", "0 channels"},
		{"a text", `"disturbChannelList"`, "0 channels"},
		{"null", "null", "0 channels"},
		{"an OK", `{"statusCode":1,"subStatusCode":"ok"}`, "0 channels"},
		{"no list of channels", `{"disturbChannels":[]}`, "0 channels"},
		{"an empty one", listing(), "0 channels"},
		{"null instead of it", `{"disturbChannelList":null}`, "0 channels"},
		{"a lone channel instead of it", `{"disturbChannelList":` + entry(1, false) + `}`, "0 channels"},
		{"it is inside of something", `{"DisturbParams":` + known + `}`, "0 channels"},
		{"too many channels", listing(many...), "257 channels"},
		{"a channel twice", listing(entry(1, false), entry(2, false), entry(1, true)), "channel 1 is listed twice"},
		{"a channel twice, once as text", listing(entry(1, false), `{"channelID":"01","disturbEnabled":true}`), "channel 1 is listed twice"},
		{"a channel that is none", listing("7"), "without a number"},
		{"an empty channel", listing("{}"), "without a number"},
		{"a channel without a number", listing(`{"disturbEnabled":false}`), "without a number"},
		{"a channel with a name", listing(`{"channelID":"a","disturbEnabled":false}`), "without a number"},
		{"a negative number", listing(`{"channelID":-1,"disturbEnabled":false}`), "without a number"},
		{"an object as number", listing(`{"channelID":{"id":1},"disturbEnabled":false}`), "without a number"},
		{"a channel that doesn't say", listing(entry(1, false), `{"channelID":2}`), `channel 2 is ""`},
		{"null", listing(`{"channelID":2,"disturbEnabled":null}`), "null"},
		{"another word", listing(`{"channelID":2,"disturbEnabled":"on"}`), `on`},
		{"another number", listing(`{"channelID":2,"disturbEnabled":2}`), `"2"`},
		{"a list as value", listing(`{"channelID":2,"disturbEnabled":[false]}`), `"["`},
		{"a value with blanks", listing(`{"channelID":2,"disturbEnabled":" false"}`), "false"},
		{"an escaped value", listing(`{"channelID":2,"disturbEnabled":"fals\u0065"}`), "fals"},
		{"a value twice", listing(`{"channelID":2,"disturbEnabled":false,"disturbEnabled":true}`), "twice"},
		{"a value twice, in other case", listing(`{"channelID":2,"disturbEnabled":false,"DisturbEnabled":false}`), "twice"},
		{"the list twice", `{"disturbChannelList":[],` + known[1:], "twice"},
		{"something else twice", `{"a":{"b":1,"b":1},` + known[1:], "twice"},
		{"too deep", `{"a":` + deep + `,` + known[1:], "levels"},
	} {
		got, changed, err := nvr.SilenceAll([]byte(tt.in))
		if got != nil || changed || !errors.Is(err, nvr.ErrDocument) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, %v, %v", tt.name, got, changed, err)
		}
	}
}

func TestSettingsThatSayTheSame(t *testing.T) {
	with := func(value string) string { return `{"x":` + value + `,` + listing(entry(1, false))[1:] }
	for _, tt := range []struct {
		name, a, b string
		same       bool
	}{
		{"blanks", known, strings.ReplaceAll(known, ",", " ,\n\t"), true},
		{"the order of channels", listing(entry(1, true), entry(2, false)), listing(entry(2, false), entry(1, true)), true},
		{"the order of members", listing(`{"channelID":1,"disturbEnabled":false}`), listing(`{"disturbEnabled":false,"channelID":1}`), true},
		{"numbers as texts", with("1"), with(`"1"`), true},
		{"truth values as texts", with("true"), with(`"true"`), true},
		{"another form of silence", listing(`{"channelID":1,"disturbEnabled":1}`), listing(`{"channelID":"1","disturbEnabled":"TRUE"}`), true},
		{"escapes", with(`"\u00e4\/<"`), with(`"ä/\u003c"`), true},
		{"another value", with("1"), with("2"), false},
		{"another order of a list", with("[1,2]"), with("[2,1]"), false},
		{"one item more", with("[1]"), with("[1,1]"), false},
		{"an empty list and an empty object", with("[]"), with("{}"), false},
		{"an empty list and an empty text", with("[]"), with(`""`), false},
		{"an empty object and an empty text", with("{}"), with(`""`), false},
		{"null and an empty text", with("null"), with(`""`), false},
		{"null and nothing", with("null"), listing(entry(1, false)), false},
		{"a member more in a channel", listing(`{"channelID":1,"disturbEnabled":false}`), listing(`{"channelID":1,"disturbEnabled":false,"x":1}`), false},
		{"another channel", listing(entry(1, false)), listing(entry(2, false)), false},
		{"a channel more", listing(entry(1, false)), listing(entry(1, false), entry(2, false)), false},
		{"one is silenced", listing(entry(1, false)), listing(entry(1, true)), false},
	} {
		if nvr.SameNotifications([]byte(tt.a), []byte(tt.b)) != tt.same || nvr.SameNotifications([]byte(tt.b), []byte(tt.a)) != tt.same {
			t.Errorf("%s", tt.name)
		}
	}
}

// onlySilenced checks, without the code under test, that the second document is the
// first with all channels silenced.
func onlySilenced(t *testing.T, before, after []byte) {
	t.Helper()
	a, b := decoded(t, before), decoded(t, after)
	for i, channel := range channelsOf(b) {
		name := memberName(channel, "disturbEnabled")
		if said := strings.ToLower(fmt.Sprint(channel[name])); said != "true" && said != "1" {
			t.Errorf("channel %d isn't silenced: %s", i, after)
		}
		channel[name] = nil
		channelsOf(a)[i][name] = nil
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("something else changed:\n%s\n%s", before, after)
	}
	pairs := [...][2]string{{"false", "true"}, {"False", "True"}, {"FALSE", "TRUE"}, {"0", "1"}}
	for i, j := 0, 0; i < len(before) || j < len(after); {
		if i < len(before) && j < len(after) && before[i] == after[j] {
			i, j = i+1, j+1
			continue
		}
		k := slices.IndexFunc(pairs[:], func(p [2]string) bool {
			return bytes.HasPrefix(before[i:], []byte(p[0])) && bytes.HasPrefix(after[j:], []byte(p[1]))
		})
		if k < 0 {
			t.Fatalf("bytes differ from %d on:\n%s\n%s", i, before, after)
		}
		i, j = i+len(pairs[k][0]), j+len(pairs[k][1])
	}
}

func decoded(t *testing.T, document []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return v
}

// memberName finds a member's name, whatever its case.
func memberName(v map[string]any, name string) string {
	low := strings.ToLower(name) // EqualFold takes other letters for alike, too
	for key := range v {
		if strings.ToLower(key) == low {
			return key
		}
	}
	return name
}

func channelsOf(document map[string]any) []map[string]any {
	var all []map[string]any
	list, _ := document[memberName(document, "disturbChannelList")].([]any)
	for _, one := range list {
		all = append(all, one.(map[string]any))
	}
	return all
}

// author writes settings, at the same time as they are found and as they are to
// become.
type author struct {
	dice           *rand.Rand
	size           int // up to four channels for each, and how much else there is
	found, silence bytes.Buffer
	channels       []nvr.NotifyingChannel
}

func (a *author) write(s string) {
	a.found.WriteString(s)
	a.silence.WriteString(s)
}

func (a *author) one(choices ...string) string { return choices[a.dice.IntN(len(choices))] }

// token writes one with blanks around it.
func (a *author) token(s string) {
	a.write(a.one("", "", "", " ", "\n\t", "\r\n") + s + a.one("", "", "", " "))
}

// setting writes a whole one.
func (a *author) setting() {
	members := []func(){func() {
		a.token(`"disturbChannelList"`)
		a.token(":")
		a.token("[")
		for i, n := range a.dice.Perm(40)[:1+a.dice.IntN(4*a.size)] {
			if i > 0 {
				a.token(",")
			}
			a.channel(n)
		}
		a.token("]")
	}}
	a.object(append(members, a.others()...))
}

func (a *author) channel(number int) {
	silenced := a.dice.IntN(3) == 0
	a.channels = append(a.channels, nvr.NotifyingChannel{Number: number, Silenced: silenced})
	no := a.one("false", "false", `"false"`, "0", `"0"`, `"FALSE"`)
	yes := map[string]string{"false": "true", `"false"`: `"true"`, "0": "1", `"0"`: `"1"`, `"FALSE"`: `"TRUE"`}[no]
	members := []func(){
		func() {
			a.token(`"channelID"`)
			a.token(":")
			a.token(a.one(fmt.Sprint(number), fmt.Sprintf("%q", fmt.Sprint(number))))
		},
		func() {
			a.token(`"disturbEnabled"`)
			a.token(":")
			if silenced {
				no = yes
			}
			a.found.WriteString(no)
			a.silence.WriteString(yes)
		},
	}
	a.object(append(members, a.others()...))
}

// object writes members in any order.
func (a *author) object(members []func()) {
	a.token("{")
	for i, n := range a.dice.Perm(len(members)) {
		if i > 0 {
			a.token(",")
		}
		members[n]()
	}
	a.token("}")
}

// others are members that aren't known.
func (a *author) others() []func() {
	var all []func()
	for _, n := range a.dice.Perm(5)[:a.dice.IntN(1+a.size)] {
		all = append(all, func() {
			a.token([]string{`"disturbNotificationList"`, `"name"`, `"channelID "`, `"\u0064isturb"`, `"größe"`}[n])
			a.token(":")
			a.value(a.size)
		})
	}
	return all
}

func (a *author) value(depth int) {
	switch a.dice.IntN(8) {
	case 0:
		a.object(nil)
	case 1:
		if depth == 0 {
			a.token("[]")
			return
		}
		a.token("[")
		a.value(depth - 1)
		a.token(",")
		a.value(depth - 1)
		a.token("]")
	case 2, 3:
		if depth == 0 {
			a.token("null")
			return
		}
		a.object([]func(){
			func() { a.token(`"disturbEnabled"`); a.token(":"); a.value(depth - 1) },
			func() { a.token(`"channelID"`); a.token(":"); a.value(depth - 1) },
		})
	default:
		a.token(a.one("false", "0", `"disturbEnabled\":false,"`, `"\\"`, "-1.5e-7", `"\ud83d\ude00:[{"`, "null", `"a`+"\u2028"+`b"`, `"false"`, `"center"`))
	}
}

func TestAnySettingIsSilencedInItsBytes(t *testing.T) {
	alike := 0
	for seed := range *documents {
		a := author{dice: rand.New(rand.NewPCG(uint64(seed), 7)), size: 3}
		a.setting()
		got, changed, err := nvr.SilenceAll(a.found.Bytes())
		if err != nil || !bytes.Equal(got, a.silence.Bytes()) || changed != !bytes.Equal(a.found.Bytes(), a.silence.Bytes()) {
			t.Fatalf("seed %d: %v\n%s\nbecomes\n%s\nchanged: %v", seed, err, a.found.Bytes(), got, changed)
		}
		if onlySilenced(t, a.found.Bytes(), got); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		if !changed {
			alike++
		}
	}
	if alike == 0 || alike == *documents {
		t.Errorf("%d of %d had nothing to be changed", alike, *documents)
	}
}

// FuzzSilenceAll lets any bytes come as a setting. Where they are understood nothing
// but the values changes, a second time nothing, and what comes out is put back to
// the byte.
func FuzzSilenceAll(f *testing.F) {
	for _, seed := range []string{
		"", known, listing(entry(1, true), entry(2, false)), listing(`{"channelID":"1","disturbEnabled":"FALSE"}`, `{"disturbEnabled":0,"channelID":2,"x":[{}]}`),
		"\r\n{ \"disturbChannelList\" : [ { \"disturbEnabled\" : 1 , \"channelID\" : 7 } ] }\n", known + known, known[:50], `{"disturbChannelList":null}`,
		`{"a":{"disturbEnabled":false},"DISTURBCHANNELLIST":[{"channelid":1,"disturb\u0045nabled":false}]}`, listing(entry(1, true), entry(1, false)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		original := bytes.Clone(in)
		out, changed, err := nvr.SilenceAll(in)
		if !bytes.Equal(in, original) {
			t.Fatal("the document was written to")
		}
		if err != nil {
			if out != nil || changed || !errors.Is(err, nvr.ErrDocument) {
				t.Fatalf("%q, %v, %v", out, changed, err)
			}
			return
		}
		onlySilenced(t, in, out)
		again, changedAgain, err := nvr.SilenceAll(out)
		if err != nil || changedAgain || !bytes.Equal(again, out) {
			t.Fatalf("a second time: %v, %v\n%s", changedAgain, err, again)
		}
		back, r, err := nvr.Restore(in, out, out)
		if err != nil || changed && !bytes.Equal(back, in) || !changed && back != nil || !reflect.DeepEqual(r, nvr.Restored{}) {
			t.Fatalf("put back: %v %+v\n%s", err, r, back)
		}
		if back, r, err := nvr.Restore(in, out, in); err != nil || back != nil || !reflect.DeepEqual(r, nvr.Restored{}) {
			t.Fatalf("put back twice: %v %+v\n%s", err, r, back)
		}
	})
}

// FuzzRestore lets any bytes be found and any stand when they are to be put back. What
// is sent is what was found, or differs in nothing but values of channels that had
// another one then, and sent once nothing is left to be done.
func FuzzRestore(f *testing.F) {
	one, two := listing(entry(1, false)), listing(entry(1, false), entry(2, true), entry(3, false))
	for _, seed := range [][2]string{
		{one, one}, {one, listing(entry(1, true))}, {two, listing(entry(3, true), entry(1, true), entry(2, true))}, {two, listing(entry(1, true))},
		{two, listing(entry(1, true), entry(2, false), entry(4, true))}, {two, `{"a":1,` + listing(entry(1, true), entry(3, false))[1:]}, {one, "x"},
		{listing(`{"channelID":"1","disturbEnabled":"FALSE","a":[]}`), listing(`{"disturbEnabled":1,"channelID":1,"a":{}}`)},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, found, now []byte) {
		written, _, err := nvr.SilenceAll(found)
		if err != nil {
			return
		}
		target, r, err := nvr.Restore(found, written, now)
		if err != nil {
			if target != nil || nvr.SameNotifications(now, now) {
				t.Fatalf("%v, %s", err, target)
			}
			return
		}
		if target == nil {
			return
		}
		if bytes.Equal(target, now) {
			t.Fatalf("what stands is sent: %s", target)
		}
		if nvr.SameNotifications(now, written) {
			if !bytes.Equal(target, found) || !reflect.DeepEqual(r, nvr.Restored{}) {
				t.Fatalf("%+v\n%s", r, target)
			}
			return
		}
		onlySilenced(t, target, flipped(now, target))
		before, present := nvr.Silenced(found), nvr.Silenced(now)
		for n, silenced := range nvr.Silenced(target) {
			if was, listed := before[n]; silenced != present[n] && (!listed || was || silenced) {
				t.Fatalf("channel %d was changed: %s", n, target)
			}
		}
		if again, second, err := nvr.Restore(found, written, target); err != nil || again != nil || r.Missing == nil && second.Missing != nil {
			t.Fatalf("again: %v %+v\n%s", err, second, again)
		}
	})
}
