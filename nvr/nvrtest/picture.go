package nvrtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// SetPicture replaces the pictures that a channel's camera takes; nil brings the
// made-up ones back, each of which is different.
func (r *Recorder) SetPicture(c Channel, jpeg []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents.pictures == nil {
		r.contents.pictures = map[Channel][]byte{}
	}
	r.contents.pictures[c] = slices.Clone(jpeg)
}

// pictureStream gives the stream's id of a picture's path, and whether it is the
// path for IP channels.
func pictureStream(rest string) (stream int, proxied, found bool) {
	rest, found = strings.CutSuffix(rest, "/picture")
	if !found {
		return 0, false, false
	}
	id, found := strings.CutPrefix(rest, "Streaming/channels/")
	if !found {
		id, proxied = strings.CutPrefix(rest, "ContentMgmt/StreamingProxy/channels/")
		found = proxied
	}
	stream, err := strconv.Atoi(id)
	return stream, proxied, found && err == nil
}

// picture answers for a picture. Cameras and analog inputs have it at the first
// path, IP channels of recorders only at the second.
func (r *Recorder) picture(q asked, stream int, proxied bool) answer {
	c := Input(stream / 100)
	if s := r.contents.find(c); proxied || s == nil && r.config.Model.recorder() {
		c = IP(stream / 100)
	}
	s := r.contents.find(c)
	switch {
	case s == nil || stream%100 == 0 || stream%100 > 2:
		return r.unsupported(q)
	case q.method != http.MethodGet:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	case !proxied && !c.input && r.config.Model == NVR:
		return r.refuse(q, http.StatusOK, "badXmlContent")
	case !proxied && !c.input:
		return r.refuse(q, http.StatusBadRequest, "badXmlContent")
	case !s.Online:
		return r.refuse(q, http.StatusForbidden, "invalidOperation")
	}
	return answer{status: http.StatusOK, contentType: typeJPEG, body: r.shot(*s)}
}

// shot takes a picture.
func (r *Recorder) shot(s slot) []byte {
	d := &r.contents
	if p := d.pictures[s.channel]; p != nil {
		return slices.Clone(p)
	}
	if d.scene == nil {
		d.scene = JPEG()
	}
	d.shots++
	return withComment(d.scene, fmt.Sprintf("picture %d of channel %d", d.shots, s.channel.id))
}

// JPEG is a small picture: somebody before a hedge, at dusk.
func JPEG() []byte {
	const width, height, horizon = 320, 180, 110
	scene := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		line := color.RGBA{uint8(60 + y), uint8(70 + y/2), uint8(130 - y/3), 255}
		if y > horizon {
			line = color.RGBA{50, uint8(110 - y/3), 45, 255}
		}
		draw.Draw(scene, image.Rect(0, y, width, y+1), image.NewUniform(line), image.Point{}, draw.Src)
	}
	dark := image.NewUniform(color.RGBA{25, 25, 35, 255})
	draw.Draw(scene, image.Rect(150, 88, 166, 150), dark, image.Point{}, draw.Src) // body
	draw.Draw(scene, image.Rect(152, 74, 164, 86), dark, image.Point{}, draw.Src)  // head
	var b bytes.Buffer
	if err := jpeg.Encode(&b, scene, nil); err != nil {
		panic("nvrtest: make a picture: " + err.Error())
	}
	return b.Bytes()
}

// withComment puts a COM segment behind the beginning of a JPEG.
func withComment(picture []byte, text string) []byte {
	segment := append([]byte{0xff, 0xfe}, binary.BigEndian.AppendUint16(nil, uint16(len(text)+2))...)
	return slices.Insert(slices.Clone(picture), 2, append(segment, text...)...)
}
