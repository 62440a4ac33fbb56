package discovery

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// platformRules are what one platform alone demands.
func (c *checker) platformRules(platform string, body object) {
	switch platform {
	case "binary_sensor":
		c.binarySensor(body)
	case "sensor":
		c.sensor(body)
	case "number":
		c.number(body)
	case "text":
		c.text(body)
	case "select":
		c.selection(body)
	case "event":
		c.event(body)
	case "image":
		c.image(body)
	case "switch", "lock", "siren":
		if !has(body, "state_topic") {
			c.add(Doubtful, "a %s without state_topic believes its own commands", platform)
		}
	case "update":
		c.update(body)
	}
}

// binarySensor looks at what turns it off by itself. Home Assistant restores what
// expires when it restarts, so that an old on counts once more (tried with
// 2026.11.0).
func (c *checker) binarySensor(body object) {
	delay, given := body["off_delay"]
	if !given {
		return
	}
	if n, ok := decimal(body, "off_delay", 0); ok && n == 0 {
		c.add(Doubtful, "off_delay %v: it is off as soon as it is on", delay)
	}
	if has(body, "expire_after") {
		c.add(Doubtful, "off_delay with expire_after: an old on is restored after a restart")
	}
}

// sensor checks class, unit, state class and options against each other.
func (c *checker) sensor(body object) {
	class := strings.ToLower(plainText(body["device_class"]))
	unit := strings.TrimSpace(plainText(body["unit_of_measurement"]))
	state := plainText(body["state_class"])
	if v := body["unit_of_measurement"]; v != nil && !scalar(v) {
		c.add(Refused, "unit_of_measurement is no text")
	}
	c.stateClass(body)
	c.enum(body, class, unit, state)
	if slices.Contains([]string{"date", "enum", "timestamp", "uptime"}, class) {
		if unit != "" {
			c.add(Refused, "a sensor of class %s has no unit", class)
		}
		if state != "" {
			c.add(Doubtful, "a sensor of class %s has no state_class", class)
		}
	} else {
		c.unit(class, unit)
	}
	if class == "uptime" {
		c.add(Doubtful, "device_class uptime costs the entity before 2026.4; use timestamp")
	}
	if has(body, "last_reset_value_template") && state != "total" {
		c.add(Refused, "last_reset_value_template goes with state_class total only")
	}
}

func (c *checker) stateClass(body object) {
	v, given := body["state_class"]
	if !given || v == nil {
		return
	}
	if !slices.Contains([]any{"measurement", "measurement_angle", "total", "total_increasing"}, v) {
		c.add(Refused, "state_class %v is none of Home Assistant's", v)
	}
}

func (c *checker) enum(body object, class, unit, state string) {
	options, given := body["options"]
	if !given {
		if class == "enum" {
			c.add(Doubtful, "a sensor of class enum without options")
		}
		return
	}
	list, ok := texts(options)
	switch {
	case !ok:
		c.add(Doubtful, "options are no texts: no state is among them")
	case len(list) == 0:
		c.add(Refused, "options are empty")
	case class != "enum":
		c.add(Refused, "options go with device_class enum only")
	case unit != "" || state != "":
		c.add(Refused, "options go with neither unit nor state_class")
	}
	c.options(list)
}

// options checks single values.
func (c *checker) options(list []string) {
	for i, o := range list {
		if slices.Contains(list[:i], o) {
			c.add(Doubtful, "option %q comes twice", o)
		}
		if o == "" || len(o) > maxState || o == "None" {
			c.add(Doubtful, "option %q can't be shown", o)
		}
	}
}

func (c *checker) unit(class, unit string) {
	allowed, strict := c.words.classUnits[class]
	switch {
	case !strict:
	case unit == "" && !slices.Contains(allowed, ""):
		c.add(Doubtful, "a sensor of class %s has a unit", class)
	case unit != "" && !slices.Contains(allowed, unit):
		c.add(Refused, "unit %q is none of class %s", unit, class)
	}
}

func (c *checker) number(body object) {
	low, lowOK := decimal(body, "min", 0)
	high, highOK := decimal(body, "max", 100)
	step, stepOK := decimal(body, "step", 1)
	if !lowOK || !highOK || !stepOK {
		c.add(Refused, "min, max or step is no number")
		return
	}
	if low > high {
		c.add(Refused, "min %v is above max %v", low, high)
	}
	if step < 0.001 {
		c.add(Refused, "step %v is below 0.001", step)
	}
	if mode, ok := body["mode"]; ok && !slices.Contains([]any{"auto", "box", "slider"}, mode) {
		c.add(Refused, "mode %v is none of auto, box, slider", mode)
	}
	c.unit(strings.ToLower(plainText(body["device_class"])), strings.TrimSpace(plainText(body["unit_of_measurement"])))
}

func (c *checker) text(body object) {
	low, lowOK := decimal(body, "min", 0)
	high, highOK := decimal(body, "max", maxState)
	switch {
	case !lowOK || !highOK:
		c.add(Refused, "min or max is no number")
	case low > high:
		c.add(Refused, "min %v is above max %v", low, high)
	case high > maxState:
		c.add(Refused, "max %v is above %d", high, maxState)
	}
	if mode, ok := body["mode"]; ok && mode != "text" && mode != "password" {
		c.add(Refused, "mode %v is neither text nor password", mode)
	}
}

func (c *checker) selection(body object) {
	options, ok := texts(body["options"])
	if !ok {
		c.add(Doubtful, "options are no texts: no state is among them")
	}
	c.options(options)
}

func (c *checker) event(body object) {
	types, ok := texts(body["event_types"])
	switch {
	case !ok:
		c.add(Refused, "event_types are no texts")
	case has(body, "event_types") && len(types) == 0:
		c.add(Refused, "event_types are empty")
	case body["device_class"] == "doorbell" && !slices.Contains(types, "ring"):
		c.add(Doubtful, "an event of class doorbell lists ring, from 2027.4 on")
	}
	for i, t := range types {
		if t == "" || slices.Contains(types[:i], t) {
			c.add(Doubtful, "event type %q is empty or comes twice", t)
		}
	}
}

func (c *checker) image(body object) {
	switch image, url := has(body, "image_topic"), has(body, "url_topic"); {
	case !image && !url:
		c.add(Refused, "an image needs image_topic or url_topic")
	case image && url:
		c.add(Refused, "image_topic and url_topic exclude each other")
	case url && has(body, "content_type"):
		c.add(Refused, "content_type goes with image_topic only")
	}
	if kind, ok := body["content_type"]; ok && !scalar(kind) {
		c.add(Refused, "content_type is no text")
	} else if ok && !strings.HasPrefix(plainText(kind), "image/") {
		c.add(Doubtful, "content_type %v is not like image/jpeg", kind)
	}
	if has(body, "encoding") {
		c.add(Doubtful, "encoding of an image is ignored: bytes stay as they are")
	}
	if e, ok := body["image_encoding"]; ok && e != "b64" && e != "raw" {
		c.add(Refused, "image_encoding %v is neither b64 nor raw", e)
	}
}

// update is one that is only shown where there is no command. The words that it
// can have besides win over those of its state.
func (c *checker) update(body object) {
	if has(body, "command_topic") != has(body, "payload_install") {
		c.add(Doubtful, "command_topic and payload_install go together, else there is no Install button")
	}
	if !has(body, "state_topic") && !has(body, "latest_version_topic") {
		c.add(Doubtful, "an update without topics never shows a version")
	}
	for _, key := range []string{"title", "release_summary", "release_url"} {
		if v, ok := body[key]; ok && !scalar(v) {
			c.add(Refused, "%s is no text", key)
		}
	}
	if utf8.RuneCountInString(plainText(body["release_summary"])) > maxState {
		c.add(Doubtful, "release_summary is longer than %d characters and is cut", maxState)
	}
}

// decimal reads a number, or what Home Assistant takes if there is none.
func decimal(o object, key string, otherwise float64) (float64, bool) {
	v, ok := o[key]
	if !ok {
		return otherwise, true
	}
	f, err := json.Number(strings.TrimSpace(plainText(v))).Float64()
	return f, err == nil
}
