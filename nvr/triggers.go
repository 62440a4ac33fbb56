package nvr

import (
	"context"
	"slices"
	"strings"
)

const (
	pathTriggers = "Event/triggers"
	maxTriggers  = 4096
)

// Trigger is an event that a device can notice, and what it then does.
type Trigger struct {
	Type EventType
	// Word is the type as the device wrote it.
	Word string
	// Device says that it is of the device itself, otherwise Channel is the
	// channel's number as told, empty where it isn't (objectsThrownDetection of
	// DS-7608NXI and DS-7732NI-M4 tells it, thermal cameras don't).
	Device  bool
	Channel string
	// Port is the input of AlarmInput and VirtualInput.
	Port string
	// Notifies says that the linkage "Notify Surveillance Center" is ticked:
	// without it the event stream is silent about it. Linked says that any
	// linkage is.
	Notifies, Linked bool
}

// triggerList is the document. Firmware V5.2.0 and thermal cameras have a root
// around the list.
type triggerList struct {
	Triggers []trigger `xml:"EventTrigger"`
	Inner    []trigger `xml:"EventTriggerList>EventTrigger"`
}

type trigger struct {
	Word      string   `xml:"eventType"`
	Input     string   `xml:"videoInputChannelID"`
	Dynamic   string   `xml:"dynVideoInputChannelID"`
	Port      string   `xml:"inputIOPortID"`
	ProxyPort string   `xml:"dynInputIOPortID"`
	Methods   []string `xml:"EventTriggerNotificationList>EventTriggerNotification>notificationMethod"`
}

// Triggers asks which events the device can notice and their linkages. Several
// triggers may have one type and channel.
func (c *Client) Triggers(ctx context.Context) ([]Trigger, error) {
	var w triggerList
	if err := c.get(ctx, pathTriggers, &w, "EventTriggerList", "EventNotification"); err != nil {
		return nil, err
	}
	return w.triggers(), nil
}

func (w *triggerList) triggers() []Trigger {
	var all []Trigger
	for _, t := range slices.Concat(w.Triggers, w.Inner) {
		word := bounded([]byte(text(t.Word)))
		kind := eventTypeOf(word)
		if kind == "" || kind == durationType || kind == beatType || len(all) == maxTriggers {
			continue
		}
		one := Trigger{
			Type: kind, Word: word, Device: kind.ofDevice(), Port: firstOf(t.ProxyPort, t.Port),
			Linked:   len(t.Methods) > 0,
			Notifies: slices.ContainsFunc(t.Methods, func(m string) bool { return strings.EqualFold(text(m), "center") }),
		}
		if !one.Device {
			one.Channel = firstOf(t.Dynamic, t.Input)
		}
		all = append(all, one)
	}
	return all
}

// firstOf gives the first text that says something.
func firstOf(texts ...string) string {
	for _, s := range texts {
		if s = text(s); s != "" {
			return s
		}
	}
	return ""
}
