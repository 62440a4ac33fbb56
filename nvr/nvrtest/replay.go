package nvrtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// replay is what was recorded of a device; under Recorder.mu.
type replay struct {
	documents map[string]recorded // by the path below /ISAPI/; nil: no replay
}

// recorded is one answer.
type recorded struct {
	status int
	root   *element // nil where only a status was recorded
}

// Replay makes a recorder that answers with what a real device has said. The
// file is JSON: {"data":{"ISAPI":{path: {"response": document} or
// {"status_code": n}}}}, a document in xmltodict's form ("@name" an attribute,
// "#text" text beside attributes, a list a repeated element, null an empty one).
// Elements come in the order of the file.
//
// Model follows from the recorded deviceInfo, as do serial number and firmware
// where Config doesn't give them. A path that wasn't recorded is answered by 403
// (recorders) or 404 (cameras), both notSupport; that goes for
// Security/userCheck, too. Everything about sign-in, faults and connections is
// as with New.
func Replay(file io.Reader, c Config) (*Recorder, error) {
	documents, err := readRecording(file)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	info := documents["System/deviceInfo"].root
	if info == nil {
		return nil, errors.New("read recording: no System/deviceInfo in it")
	}
	said := func(name string) string {
		if e := info.child(name); e != nil {
			return e.text
		}
		return ""
	}
	c.Model = modelOf(said("deviceType"), said("firmwareVersion"), info)
	rep := replay{documents: documents}
	for _, field := range []struct {
		name string
		want *string
	}{{"deviceName", &c.Name}, {"serialNumber", &c.Serial}, {"macAddress", &c.MAC}, {"firmwareVersion", &c.Firmware}} {
		if *field.want != "" {
			rep.set("System/deviceInfo", field.name, *field.want)
		}
		*field.want = said(field.name)
	}
	return newRecorder(c.withDefaults(), rep), nil
}

// modelOf guesses the model whose manners a recorded device has.
func modelOf(deviceType, firmware string, info *element) Model {
	switch {
	case deviceType == "DVR":
		return DVR
	case deviceType == "NVR" && info.attribute("version") == "1.0":
		return OldNVR
	case deviceType == "NVR":
		return NVR
	case strings.HasPrefix(firmware, "V5.2"):
		return OldCamera
	}
	return Camera
}

func (e *element) attribute(name string) string {
	for _, a := range e.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// set changes an element's text.
func (p replay) set(path, name, value string) {
	if root := p.documents[path].root; root != nil {
		if e := root.child(name); e != nil {
			e.text = value
		}
	}
}

// replayed answers with what was recorded.
func (r *Recorder) replayed(q asked) answer {
	d, found := r.replay.documents[q.rest]
	switch {
	case !found && !r.config.Model.recorder():
		return r.refuse(q, http.StatusNotFound, "notSupport")
	case !found:
		return r.refuse(q, http.StatusForbidden, "notSupport")
	case q.method != http.MethodGet:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	case d.root == nil:
		return r.refuse(q, d.status, subStatusFor(d.status))
	}
	return r.document(http.StatusOK, d.root)
}

// readRecording reads the file with the order of its elements.
func readRecording(file io.Reader) (map[string]recorded, error) {
	var outer struct {
		Data struct {
			ISAPI map[string]struct {
				Status   int             `json:"status_code"`
				Response json.RawMessage `json:"response"`
			}
		} `json:"data"`
	}
	if err := json.NewDecoder(file).Decode(&outer); err != nil {
		return nil, err
	}
	if len(outer.Data.ISAPI) == 0 {
		return nil, errors.New("no answers in it")
	}
	documents := map[string]recorded{}
	for path, v := range outer.Data.ISAPI {
		if v.Response == nil {
			documents[path] = recorded{status: v.Status}
			continue
		}
		root, err := readDocument(v.Response)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		documents[path] = recorded{status: http.StatusOK, root: root}
	}
	return documents, nil
}

// readDocument turns {"Root": {…}} into an element.
func readDocument(raw json.RawMessage) (*element, error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	top := &element{}
	if err := readValue(d, top, "document"); err != nil {
		return nil, err
	}
	if len(top.children) != 1 || len(top.children[0].children) != 1 {
		return nil, errors.New("a document has one root")
	}
	return top.children[0].children[0], nil
}

// readValue reads a JSON value as an element, or several, of that name.
func readValue(d *json.Decoder, into *element, name string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		for d.More() {
			if err := readValue(d, into, name); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	case json.Delim('{'):
		e := &element{name: name}
		into.add(e)
		return readMembers(d, e)
	}
	into.add(el(name, scalar(token)))
	return nil
}

func scalar(token json.Token) string {
	if token == nil {
		return ""
	}
	return fmt.Sprint(token)
}

// readMembers reads an object's members into an element, up to the brace.
func readMembers(d *json.Decoder, e *element) error {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name := fmt.Sprint(key)
		attribute, isAttribute := strings.CutPrefix(name, "@")
		if !isAttribute && name != "#text" {
			if err := readValue(d, e, name); err != nil {
				return err
			}
			continue
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		if isAttribute {
			e.with(attribute, scalar(value))
		} else {
			e.text = scalar(value)
		}
	}
	_, err := d.Token()
	return err
}
