package nvr_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"hikbridge/nvr"
)

var pauses = flag.Int("nvr.pauses", 1_000, "how many pauses of notifications are simulated")

// box is a recorder as far as its setting goes.
type box struct {
	text []byte
	keep func([]byte) []byte // what becomes of what is PUT
}

func newBox(dice *rand.Rand, text []byte) *box {
	b := &box{text: bytes.Clone(text)}
	switch dice.IntN(3) {
	case 0:
		b.keep = bytes.Clone
		return b
	case 1:
		b.keep = func(text []byte) []byte { return encoded(tree(text)) }
	case 2:
		b.keep = func(text []byte) []byte {
			out, err := json.MarshalIndent(asTexts(tree(text)), "", "\t")
			if err != nil {
				panic(err)
			}
			return out
		}
	}
	b.text = b.keep(b.text)
	return b
}

func (b *box) put(text []byte) { b.text = b.keep(text) }

func encoded(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

func tree(text []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// asTexts gives a value with its numbers and truth values as texts.
func asTexts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = asTexts(member)
		}
	case []any:
		for i, item := range v {
			v[i] = asTexts(item)
		}
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	return v
}

// facts is what a setting says, in the test's own reading.
type facts struct {
	silenced map[int]bool
	others   map[int]any // the other members of each channel
	rest     any
}

func factsOf(text []byte) facts {
	all := asTexts(tree(text)).(map[string]any)
	f := facts{map[int]bool{}, map[int]any{}, all}
	for _, c := range channelsOf(all) {
		number, err := strconv.Atoi(fmt.Sprint(c["channelID"]))
		if err != nil {
			panic(err)
		}
		f.silenced[number] = slices.Contains([]string{"true", "TRUE", "1"}, fmt.Sprint(c["disturbEnabled"]))
		f.others[number] = c
		delete(c, "channelID")
		delete(c, "disturbEnabled")
	}
	delete(all, "disturbChannelList")
	return f
}

// meddle changes the setting as somebody else may, sometimes in its form alone.
func (b *box) meddle(dice *rand.Rand) {
	all := tree(b.text)
	list := all["disturbChannelList"].([]any)
	one := list[dice.IntN(len(list))].(map[string]any)
	switch dice.IntN(8) {
	case 0, 1:
		one["disturbEnabled"] = dice.IntN(2) == 0
	case 2:
		for _, c := range list {
			c.(map[string]any)["disturbEnabled"] = dice.IntN(2) == 0
		}
	case 3:
		one["name"] = fmt.Sprint("new ", dice.IntN(9))
	case 4:
		if len(list) > 1 {
			all["disturbChannelList"] = list[1:]
		}
	case 5:
		number := 50 + dice.IntN(1000)
		if slices.ContainsFunc(list, func(c any) bool { return fmt.Sprint(c.(map[string]any)["channelID"]) == fmt.Sprint(number) }) {
			return
		}
		all["disturbChannelList"] = append(list, map[string]any{"channelID": number, "disturbEnabled": dice.IntN(2) == 0})
	case 6:
		all["name"] = fmt.Sprint("new ", dice.IntN(9))
	case 7:
		slices.Reverse(list)
	}
	b.put(encoded(all))
}

// TestNothingStaysSilenced pauses and puts back with crashes and lost requests at all
// points, on recorders of several manners, with others who change things meanwhile.
// What nobody else touched is to the byte as it was found; what somebody did stays.
func TestNothingStaysSilenced(t *testing.T) {
	reached := map[string]int{}
	for seed := range *pauses {
		simulatePause(t, rand.New(rand.NewPCG(uint64(seed), 3)), reached)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("reached: %v", reached)
	for _, kind := range []string{"sent original", "sent edited", "sent nothing", "nobody", "changed", "missing", "elsewhere", "not silenced", "interrupted"} {
		if reached[kind] == 0 {
			t.Errorf("never reached: %s", kind)
		}
	}
}

func simulatePause(t *testing.T, dice *rand.Rand, reached map[string]int) {
	a := author{dice: dice, size: 1}
	a.setting()
	b := newBox(dice, a.found.Bytes())
	found := bytes.Clone(b.text)
	written, _, err := nvr.SilenceAll(found)
	if err != nil {
		t.Fatal(err)
	}
	// Both are in the journal. The PUT is sent or not, and taken or not.
	if dice.IntN(4) > 0 {
		b.put(written)
	} else {
		reached["not silenced"]++
	}
	base, meddled := b.text, false
	for range dice.IntN(3) * dice.IntN(3) {
		b.meddle(dice)
		base, meddled = b.text, true
	}
	for range dice.IntN(3) {
		reached["interrupted"]++
		if target := b.restore(t, found, written, reached).target; target != nil && dice.IntN(2) == 0 {
			b.put(target)
		}
	}
	last := b.restore(t, found, written, reached)
	if last.target != nil {
		b.put(last.target)
	}
	if !meddled {
		reached["nobody"]++
		if !bytes.Equal(b.text, found) || !reflect.DeepEqual(last.Restored, nvr.Restored{}) {
			t.Errorf("found\n%s\nleft\n%s\n%+v", found, b.text, last.Restored)
		}
		return
	}
	checkRestored(t, factsOf(found), factsOf(base), factsOf(b.text), last.Restored)
	for kind, yes := range map[string]bool{"changed": last.Changed != nil, "missing": last.Missing != nil, "elsewhere": last.Elsewhere} {
		if yes {
			reached[kind]++
		}
	}
}

// restoring is what is to be sent, and what was found.
type restoring struct {
	target []byte
	nvr.Restored
}

func (b *box) restore(t *testing.T, found, written []byte, reached map[string]int) restoring {
	target, r, err := nvr.Restore(found, written, b.text)
	switch {
	case err != nil:
		t.Fatalf("%v:\n%s", err, b.text)
	case target == nil:
		reached["sent nothing"]++
	case bytes.Equal(target, found):
		reached["sent original"]++
	default:
		reached["sent edited"]++
		onlySilenced(t, target, flipped(b.text, target))
	}
	return restoring{target, r}
}

// flipped gives the first text silenced, if the second differs from it in nothing but
// values; else the second, which then isn't silenced.
func flipped(now, target []byte) []byte {
	silenced, _, err := nvr.SilenceAll(now)
	again, _, errAgain := nvr.SilenceAll(target)
	if err != nil || errAgain != nil || !bytes.Equal(silenced, again) {
		return target
	}
	return silenced
}

// checkRestored compares what was found, what others had made of it, and what is left.
func checkRestored(t *testing.T, found, base, left facts, r nvr.Restored) {
	if !reflect.DeepEqual(base.others, left.others) || !reflect.DeepEqual(base.rest, left.rest) {
		t.Errorf("others' changes are lost: %v %v, now %v %v", base.others, base.rest, left.others, left.rest)
	}
	var want nvr.Restored
	for n, silenced := range base.silenced {
		before, listed := found.silenced[n]
		switch {
		case listed && !before && left.silenced[n]:
			t.Errorf("channel %d stays silenced", n)
		case (!listed || before) && left.silenced[n] != silenced:
			t.Errorf("channel %d was changed", n)
		}
		if !listed || before && !silenced || !reflect.DeepEqual(found.others[n], base.others[n]) {
			want.Changed = append(want.Changed, n)
		}
	}
	for n, before := range found.silenced {
		if _, listed := base.silenced[n]; listed {
			continue
		}
		if before {
			want.Changed = append(want.Changed, n)
		} else {
			want.Missing = append(want.Missing, n)
		}
	}
	slices.Sort(want.Changed)
	slices.Sort(want.Missing)
	want.Elsewhere = !reflect.DeepEqual(found.rest, base.rest)
	if !reflect.DeepEqual(r, want) {
		t.Errorf("it says %+v, want %+v", r, want)
	}
}
