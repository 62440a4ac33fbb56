package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/bridge/power"
	"hikbridge/bridge/ups"
	"hikbridge/mqtt"
)

const (
	subjectMains = "mains"
	// maxWord is how many characters of what a topic says are repeated.
	maxWord = 40
)

// checkMains says what each source says of mains now, and whether anything follows
// from it.
func (r *Report) checkMains(ctx context.Context, c Config) {
	if c.Mains.Topic != "" {
		r.checkMainsTopic(ctx, c)
	}
	if c.Mains.UPS != "" {
		r.checkUPS(ctx, c.Mains)
	}
	if manual(c.StateDir) {
		r.add(subjectMains, "automatic shutdown", ResultWarning, "switched off: an outage shuts nothing down", "Switch on Automatic shutdown in Home Assistant.")
	}
}

// checkMainsTopic reads what the broker has retained of the topic.
func (r *Report) checkMainsTopic(ctx context.Context, c Config) {
	check := "topic " + c.Mains.Topic
	broker, err := brokerConfig(c)
	var kept []mqtt.Message
	if err == nil {
		broker.ClientID += "-check"
		ctx, cancel := context.WithTimeout(ctx, checkBroker)
		defer cancel()
		kept, err = mqtt.Retained(ctx, broker, []string{c.Mains.Topic})
	}
	if err != nil {
		r.add(subjectMains, check, ResultFailed, "can't be read: "+err.Error(), "Look at the broker, and at what its ACL lets this user read.")
		return
	}
	if len(kept) == 0 {
		r.add(subjectMains, check, ResultWarning, "nothing is retained there: after a start mains isn't known until it says something",
			"Compare the topic with that of the sensor, and let the sensor publish it retained.")
		return
	}
	word := strings.TrimSpace(string(kept[0].Payload))
	said := fmt.Sprintf("says %q", shortened(word))
	switch c.Mains.supply(word) {
	case power.OnMains:
		r.add(subjectMains, check, ResultOK, said+": mains is there", "")
	case power.OnBattery:
		r.add(subjectMains, check, ResultWarning, said+": mains is lost", "If it isn't, exchange HIKBRIDGE_MAINS_PRESENT and HIKBRIDGE_MAINS_LOST.")
	default:
		r.add(subjectMains, check, ResultWarning, fmt.Sprintf("%s, which is neither %q nor %q, so it says nothing", said, c.Mains.Present, c.Mains.Lost),
			"Look at the sensor, or correct HIKBRIDGE_MAINS_PRESENT and HIKBRIDGE_MAINS_LOST.")
	}
}

func shortened(word string) string {
	if r := []rune(word); len(r) > maxWord {
		return string(r[:maxWord]) + "…"
	}
	return word
}

// checkUPS asks the UPS once.
func (r *Report) checkUPS(ctx context.Context, c MainsConfig) {
	ctx, cancel := context.WithTimeout(ctx, checkBroker)
	defer cancel()
	check := "UPS " + c.UPS
	client, err := c.client()
	var reading ups.Reading
	if err == nil {
		reading, err = client.Read(ctx)
	}
	if err != nil {
		r.add(subjectMains, check, ResultFailed, err.Error(), upsAdvice(ctx, client, err))
		return
	}
	result, text, advice := judgeUPS(reading, c.Topic != "")
	r.add(subjectMains, check, result, upsText(reading)+text, advice)
	if c.Command != "" {
		r.checkUPSCommand(ctx, client, c.Command)
	}
}

// checkUPSCommand says whether the UPS has the command that it is to be told.
func (r *Report) checkUPSCommand(ctx context.Context, client *ups.Client, command string) {
	const check = "UPS command"
	names, err := client.Commands(ctx)
	switch {
	case err != nil:
		r.add(subjectMains, check, ResultFailed, err.Error(), "Look at HIKBRIDGE_UPS_USERNAME, HIKBRIDGE_UPS_PASSWORD and the NUT server.")
	case !slices.Contains(names, command):
		r.add(subjectMains, check, ResultFailed, noCommand(command, names), "Correct HIKBRIDGE_UPS_COMMAND, or remove it.")
	default:
		r.add(subjectMains, check, ResultOK, "the UPS has "+command+"; whether this user may give it isn't tried", "")
	}
}

// upsAdvice names the UPSes that there are, if that is what was wrong.
func upsAdvice(ctx context.Context, client *ups.Client, err error) string {
	if errors.Is(err, ups.ErrUnknownUPS) {
		names, err := client.Names(ctx)
		if err == nil && len(names) > 0 {
			return "Correct the name in HIKBRIDGE_UPS; the server has: " + clip(strings.Join(names, ", ")) + "."
		}
	}
	return "Correct HIKBRIDGE_UPS, or look at the NUT server; upsc, run there, shows the same."
}

// upsText is what the UPS said.
func upsText(r ups.Reading) string {
	text := "status " + clip(strings.Join(r.Words, " "))
	if len(r.Words) == 0 {
		text = "no status"
	}
	if r.Charge.Known {
		text += fmt.Sprintf(", charge %.0f %%", r.Charge.Value)
	}
	if r.Runtime.Known {
		text += fmt.Sprintf(", runtime %s", count(int(r.Runtime.Value/time.Minute), "minute"))
	}
	return text
}

// judgeUPS says whether that is enough for an outage to be noticed; beside says that
// there is another source.
func judgeUPS(r ups.Reading, beside bool) (result, text, advice string) {
	switch {
	case r.Mains() == ups.OnBattery:
		return ResultWarning, ": it runs on battery", ""
	case r.Mains() == ups.MainsUnknown:
		return ResultWarning, ": it doesn't tell whether there is mains", "Look at the UPS and at its driver on the NUT server."
	case !r.Charge.Known && beside:
		return ResultWarning, ": it tells no charge, so until its battery is low an outage needs the topic's word, too", ""
	case !r.Charge.Known:
		return ResultWarning, ": it tells no charge, so an outage isn't believed until its battery is low",
			"Use a driver that tells it, or a second source: HIKBRIDGE_MAINS_TOPIC."
	case r.ReplaceBattery():
		return ResultWarning, ": it wants a new battery", "Replace its battery: an outage may be shorter than a shutdown."
	}
	return ResultOK, ": mains is there", ""
}

// readiness is what is known of a recorder beside its journal: what keeps it from
// being shut down, with what to do.
type readiness struct {
	firmware, no, advice string
}

// checkOutage says whether an outage would shut a recorder down now.
func (r *Report) checkOutage(c Config, rc RecorderConfig, s readiness) {
	if !c.Mains.known() {
		return
	}
	say := func(result, text, advice string) { r.add("recorder "+rc.Name, "outage", result, text, advice) }
	learned, firmware, err := drilled(c.StateDir, rc.Name)
	if s.firmware != "" {
		firmware = s.firmware
	}
	const drill = "Do a shutdown drill while somebody is at the recorder, or set ANY_OUTAGE=true for it."
	switch {
	case manual(c.StateDir):
		say(ResultWarning, "not shut down now: Automatic shutdown is switched off", "Switch it on in Home Assistant.")
	case s.no != "":
		say(ResultWarning, "not shut down now: "+s.no, s.advice)
	case err != nil:
		say(ResultWarning, "not shut down now: its journal can't be read: "+err.Error(), "See its Status in Home Assistant.")
	case rc.Power.AnyOutage:
		say(ResultOK, "shut down, drill or not, unless something speaks against it then", "")
	case learned.Passed && firmware != "" && learned.Firmware == firmware:
		say(ResultOK, "shut down, unless something speaks against it then: a drill was passed on "+learned.At.Local().Format(time.DateOnly), "")
	case c.Mains.UPS != "":
		say(ResultWarning, "shut down only at low battery, as no drill was passed on this firmware", drill)
	default:
		say(ResultWarning, "not shut down: no drill was passed on this firmware, and a topic doesn't tell of a low battery", drill)
	}
}

// drilled is what a recorder's journal knows of its drill and firmware; nothing if
// there is no journal.
func drilled(stateDir, name string) (power.Learned, string, error) {
	found, err := journal.Read(journalPath(stateDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return power.Learned{}, "", nil
	}
	if err != nil {
		return power.Learned{}, "", err
	}
	entries, err := readEntries(found.Records)
	if err == nil && found.Damaged {
		err = journal.ErrDamaged
	}
	records := powerRecords(entries)
	if err != nil || len(records) == 0 {
		return power.Learned{}, "", err
	}
	m := records[len(records)-1].Memory
	return m.Learned, m.Firmware, nil
}

// manual says that somebody has switched the automatic shutdown off.
func manual(stateDir string) bool {
	found, err := journal.Read(filepath.Join(stateDir, outageJournal))
	if err != nil {
		return false
	}
	off := false
	for _, content := range found.Records {
		var e outageEntry
		if json.Unmarshal(content, &e) != nil || e.Version != outageVersion {
			break
		}
		off = e.Record.Memory.Manual
	}
	return off
}
