package nvr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDisturb bounds a setting, in bytes: 256 channels in the known form take a
// quarter of it, and who keeps two of them in a record needs a bound.
const maxDisturb = 128 << 10

// disturb is a disturbParams document as far as it is known:
//
//	{"disturbChannelList":[{"channelID":3,"disturbEnabled":false,"disturbNotificationList":[{"notificationMethod":"center"}]}]}
type disturb struct {
	text     []byte
	channels []disturbChannel // in the document's order
	rest     map[string]located
}

// disturbChannel is an entry of the list.
type disturbChannel struct {
	number     int
	silenced   bool
	start, end int    // of the value that says so
	opposite   string // the other value, written in the same manner
	rest       map[string]located
}

// SilenceAll gives the document with all channels silenced. It differs in nothing
// but those values; changed is false where all are silenced already. The error wraps
// ErrDocument: the document isn't understood.
func SilenceAll(document []byte) (silenced []byte, changed bool, err error) {
	d, err := parseDisturb(document)
	if err != nil {
		return nil, false, err
	}
	silenced = d.flip(func(c disturbChannel) bool { return !c.silenced })
	return silenced, !bytes.Equal(silenced, document), nil
}

// parseDisturb reads a setting that is understood well enough to be changed and put
// back: JSON that says nothing twice, and of each channel its number and a truth
// value. Members beside those may be missing or unknown.
func parseDisturb(text []byte) (disturb, error) {
	// The decoder alone would take text behind the document, and two texts that
	// aren't UTF-8 for the same.
	if !json.Valid(text) || !utf8.Valid(text) {
		return disturb{}, fmt.Errorf("%w: no JSON", ErrDocument)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	whole, err := locate(decoder, text, maxDepth)
	if err != nil {
		return disturb{}, err
	}
	d := disturb{text: text, rest: whole.members}
	list := whole.members["disturbchannellist"].items
	delete(whole.members, "disturbchannellist")
	if len(list) == 0 || len(list) > maxChannels {
		return disturb{}, fmt.Errorf("%w: %d channels in disturbChannelList", ErrDocument, len(list))
	}
	for _, item := range list {
		c, err := d.channel(item)
		if err != nil {
			return disturb{}, err
		}
		if _, twice := d.find(c.number); twice {
			return disturb{}, fmt.Errorf("%w: channel %d is listed twice", ErrDocument, c.number)
		}
		d.channels = append(d.channels, c)
	}
	return d, nil
}

func (d disturb) channel(item located) (disturbChannel, error) {
	n := number(item.members["channelid"].text)
	if !n.Known || n.Value < 0 || n.Value > 1<<16 {
		return disturbChannel{}, fmt.Errorf("%w: a channel without a number in disturbChannelList", ErrDocument)
	}
	value := item.members["disturbenabled"]
	c := disturbChannel{number: int(n.Value), start: value.start, end: value.end, rest: item.members}
	said := string(d.text[value.start:value.end])
	for _, way := range [...]struct{ no, yes string }{
		{"false", "true"}, {`"false"`, `"true"`}, {`"False"`, `"True"`}, {`"FALSE"`, `"TRUE"`}, {"0", "1"}, {`"0"`, `"1"`},
	} {
		switch said {
		case way.no:
			c.opposite = way.yes
		case way.yes:
			c.silenced, c.opposite = true, way.no
		}
	}
	if c.opposite == "" {
		return disturbChannel{}, fmt.Errorf("%w: disturbEnabled of channel %d is %.20q", ErrDocument, c.number, said)
	}
	delete(c.rest, "channelid")
	delete(c.rest, "disturbenabled")
	return c, nil
}

func (d disturb) find(channel int) (disturbChannel, bool) {
	i := slices.IndexFunc(d.channels, func(c disturbChannel) bool { return c.number == channel })
	if i < 0 {
		return disturbChannel{}, false
	}
	return d.channels[i], true
}

// flip gives the text with the opposite said of the channels that are chosen, and
// every other byte as it was.
func (d disturb) flip(chosen func(disturbChannel) bool) []byte {
	var out []byte
	done := 0
	for _, c := range d.channels {
		if chosen(c) {
			out = append(append(out, d.text[done:c.start]...), c.opposite...)
			done = c.end
		}
	}
	return append(out, d.text[done:]...)
}

// same says whether two settings say the same in all they say. The order of
// members and channels, blanks, and whether something is a number or its text are
// no difference.
func (d disturb) same(o disturb) bool {
	return len(d.channels) == len(o.channels) && same(d.rest, o.rest) && !slices.ContainsFunc(d.channels, func(c disturbChannel) bool {
		other, listed := o.find(c.number)
		return !listed || c.silenced != other.silenced || !same(c.rest, other.rest)
	})
}

// silences says whether d says of all channels of o what o says of them.
func (d disturb) silences(o disturb) bool {
	return !slices.ContainsFunc(o.channels, func(c disturbChannel) bool {
		now, listed := d.find(c.number)
		return !listed || now.silenced != c.silenced
	})
}

// located is a JSON value and where it stands.
type located struct {
	members    map[string]located // of an object, by name in lower case; else nil
	items      []located          // of a list; else nil
	text       string             // of anything else
	start, end int
}

// locate reads the next value of a decoder, which reads text.
func locate(decoder *json.Decoder, text []byte, depth int) (located, error) {
	before := decoder.InputOffset()
	token, err := decoder.Token()
	if err != nil {
		return located{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	if depth == 0 {
		return located{}, fmt.Errorf("%w: more than %d levels", ErrDocument, maxDepth)
	}
	v := located{end: int(decoder.InputOffset())}
	v.start = v.end - len(bytes.TrimLeft(text[before:v.end], ":, \t\r\n"))
	switch token {
	case json.Delim('{'):
		v.members, err = members(decoder, text, depth-1)
		return v, err
	case json.Delim('['):
		v.items, err = items(decoder, text, depth-1)
		return v, err
	}
	v.text = fmt.Sprint(token)
	return v, nil
}

// members reads the rest of an object. A name that comes twice, in whatever case,
// could mean either.
func members(decoder *json.Decoder, text []byte, depth int) (map[string]located, error) {
	all := map[string]located{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDocument, err)
		}
		name := strings.ToLower(fmt.Sprint(token))
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%w: %.20q comes twice", ErrDocument, name)
		}
		if all[name], err = locate(decoder, text, depth); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token() // the bracket
	return all, err
}

// items reads the rest of a list.
func items(decoder *json.Decoder, text []byte, depth int) ([]located, error) {
	all := []located{}
	for decoder.More() {
		item, err := locate(decoder, text, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	_, err := decoder.Token() // the bracket
	return all, err
}

func (v located) same(o located) bool {
	return v.text == o.text && (v.items == nil) == (o.items == nil) && (v.members == nil) == (o.members == nil) &&
		slices.EqualFunc(v.items, o.items, located.same) && same(v.members, o.members)
}

func same(a, b map[string]located) bool { return maps.EqualFunc(a, b, located.same) }
