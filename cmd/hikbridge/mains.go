package main

import (
	"strconv"
	"strings"
	"time"

	"hikbridge/bridge"
)

const (
	mainsPrefix  = namespace + "MAINS_"
	upsVariable  = namespace + "UPS"
	upsPrefix    = upsVariable + "_"
	outagePrefix = namespace + "OUTAGE_"

	longestOutage = 24 * time.Hour
	mostParallel  = 64

	longestCommand = 128
)

// mains reads what tells of mains, and when an outage shuts recorders down.
func (r *reader) mains() (c bridge.MainsConfig) {
	r.form(describe[mainsVariables](namespace))
	v := fetch[mainsVariables](r.env, namespace)
	c = bridge.MainsConfig{Topic: v.Topic, Present: v.Present, Lost: v.Lost, Username: v.UPSUsername, All: r.yes(mainsPrefix+"ALL", v.All)}
	r.topic(mainsPrefix+"TOPIC", v.Topic)
	if v.Topic != "" && strings.EqualFold(v.Present, v.Lost) {
		r.wrong(mainsPrefix+"LOST", "is the same as %sPRESENT; write what the topic says without mains", mainsPrefix)
	}
	var given bool
	c.Password, given = r.secret(upsPrefix, v.UPSPassword, v.UPSPasswordFile)
	whole := given == (v.UPSUsername != "")
	if !whole {
		r.wrong(upsPrefix+"USERNAME", "and %sPASSWORD belong together; set both, or none", upsPrefix)
	}
	if v.UPS != "" {
		name, server, ok := strings.Cut(v.UPS, "@")
		c.UPS, c.Server = name, server
		if !ok {
			r.wrong(upsVariable, "must be the UPS's name and its server, as in ups@192.0.2.5 or ups@nas.example.org:3493")
		} else if err := c.Validate(); whole && (!given || c.Password != "") && err != nil {
			r.wrong(upsVariable, "can't be used: %v", err)
		}
	}
	c.Command = v.UPSCommand
	switch {
	case c.Command == "":
	case strings.Trim(c.Command, "abcdefghijklmnopqrstuvwxyz0123456789.") != "" || len(c.Command) > longestCommand:
		r.wrong(upsPrefix+"COMMAND", "must be one of the UPS's commands, as in shutdown.return; upscmd -l shows them")
	case v.UPS == "":
		r.wrong(upsPrefix+"COMMAND", "needs a UPS; set %s, or remove it", upsVariable)
	case c.Username == "" || !given:
		r.wrong(upsPrefix+"COMMAND", "needs %sUSERNAME and %sPASSWORD of a user whom the NUT server permits it", upsPrefix, upsPrefix)
	}
	if v.Topic == "" && v.UPS == "" {
		r.mainsUnused()
		return bridge.MainsConfig{}
	}
	if v.Topic == "" {
		r.needs(mainsPrefix+"TOPIC", mainsPrefix+"PRESENT", mainsPrefix+"LOST", mainsPrefix+"ALL")
	}
	if v.UPS == "" {
		r.needs(upsVariable, upsPrefix+"USERNAME", upsPrefix+"PASSWORD", upsPrefix+"PASSWORD_FILE",
			mainsPrefix+"ALL", outagePrefix+"CHARGE", outagePrefix+"RETURN_CHARGE")
	}
	c.OnBattery = r.outageTime("AFTER", v.After)
	c.Deadline = r.outageTime("DEADLINE", v.Deadline)
	c.Charge = r.whole(outagePrefix+"CHARGE", v.Charge, 1, 99)
	c.Floor = r.whole(outagePrefix+"RETURN_CHARGE", v.ReturnCharge, 1, 100)
	c.Parallel = r.whole(outagePrefix+"PARALLEL", v.Parallel, 1, mostParallel)
	return c
}

// mainsUnused refuses what has no effect without a source: an owner would rely on it.
func (r *reader) mainsUnused() {
	for _, d := range describe[mainsVariables](namespace) {
		if r.env[d.Name] != "" {
			r.wrong(d.Name, "has no effect, as nothing tells of mains; set %sTOPIC or %s, or remove it", mainsPrefix, upsVariable)
		}
	}
}

// needs refuses what has no effect without one of the sources.
func (r *reader) needs(source string, names ...string) {
	for _, name := range names {
		if r.env[name] != "" {
			r.wrong(name, "has no effect without %s; set that, or remove it", source)
		}
	}
}

func (r *reader) outageTime(name, value string) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Second || d > longestOutage {
		r.wrong(outagePrefix+name, "must be a time from 1s to 24h, as in 90s or 10m")
		return 0
	}
	return d
}

func (r *reader) whole(variable, value string, least, most int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		r.wrong(variable, "must be a whole number from %d to %d", least, most)
		return 0
	}
	return n
}
