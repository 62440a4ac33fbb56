package discovery

import (
	"encoding/json"
	"maps"
	"slices"
)

// Removal is the message that takes the whole device away, with all entities
// that Home Assistant has seen in this run of its own.
func (d Document) Removal() Document { return Document{Topic: d.Topic} }

// Retiring is d with a tombstone for each component that the former payload has
// and d hasn't, or has on another platform. It must be published while Home
// Assistant runs and has seen the former one, and d itself some seconds later.
// ok is false if there is nothing to retire, or former is no device document.
func (d Document) Retiring(former []byte) (doc Document, ok bool) {
	var old, now retained
	if json.Unmarshal(former, &old) != nil || json.Unmarshal(d.Payload, &now) != nil {
		return Document{}, false
	}
	current := now.components()
	retired := map[string]json.RawMessage{}
	for key, component := range old.components() {
		was := platformOf(component)
		if still, ok := current[key]; was != "" && (!ok || platformOf(still) != was) {
			retired[key] = encode(map[string]string{"p": was})
		}
	}
	if len(retired) == 0 {
		return Document{}, false
	}
	all := maps.Clone(current)
	if all == nil {
		all = retired
	}
	maps.Copy(all, retired)
	var root map[string]json.RawMessage
	if json.Unmarshal(d.Payload, &root) != nil {
		return Document{}, false
	}
	delete(root, "components")
	root["cmps"] = encode(all)
	return Document{Topic: d.Topic, Payload: encode(root)}, true
}

// Owned says that a retained document is this bridge's: its origin is this
// program, and the bridge's own availability stands in it, which no other
// bridge's document has.
func Owned(payload []byte, bridge Bridge) bool {
	var doc retained
	if json.Unmarshal(payload, &doc) != nil {
		return false
	}
	if doc.Origin.Name != origin && doc.OriginLong.Name != origin {
		return false
	}
	return slices.ContainsFunc(slices.Concat(doc.Availability, doc.AvailabilityLong), func(t retainedTopic) bool {
		return t.Topic == bridge.Availability() || t.TopicLong == bridge.Availability()
	})
}

// retained is a document of any version of this program, with abbreviations or
// without.
type retained struct {
	Origin           retainedOrigin             `json:"o"`
	OriginLong       retainedOrigin             `json:"origin"`
	Availability     []retainedTopic            `json:"avty"`
	AvailabilityLong []retainedTopic            `json:"availability"`
	Components       map[string]json.RawMessage `json:"cmps"`
	ComponentsLong   map[string]json.RawMessage `json:"components"`
}

type retainedOrigin struct {
	Name string `json:"name"`
}

type retainedTopic struct {
	Topic     string `json:"t"`
	TopicLong string `json:"topic"`
}

func (r retained) components() map[string]json.RawMessage {
	if r.Components != nil {
		return r.Components
	}
	return r.ComponentsLong
}

func platformOf(component json.RawMessage) string {
	var c struct {
		Short string `json:"p"`
		Long  string `json:"platform"`
	}
	if json.Unmarshal(component, &c) != nil {
		return ""
	}
	return first(c.Short, c.Long)
}
