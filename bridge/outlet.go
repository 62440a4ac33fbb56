package bridge

import (
	"context"
	"fmt"
	"time"

	"hikbridge/bridge/plug"
	"hikbridge/bridge/power"
	"hikbridge/mqtt"
)

// plugHeardFor is how long a plug may be silent until it counts as away: it is
// asked each minute at rest.
const plugHeardFor = 3 * time.Minute

// plugDefault is what a plug told of the time after an outage.
type plugDefault power.Seen

// hearPlug takes in what the plug reports. It is called by the goroutine that reads
// the broker's connection, and doesn't wait.
func (k *keeper) hearPlug(m mqtt.Incoming) {
	r := k.plug.Read(m.Topic, m.Payload, m.Retained)
	if r.Err != nil { // the rest of it may be good
		k.log.Debug("the plug's report can't be read", keyTopic, m.Topic, keyError, r.Err)
	}
	at := k.now() // one for both: a relay that is told with a reading belongs to it
	if relay, told := relayOf(r); told {
		relay.At = at
		k.gate.hear(relay.State, relay.Restarted)
		if !k.mail.post(true, relay) {
			k.missed.Store(true)
		}
	}
	if r.Metered {
		k.mail.post(false, power.Reading{At: at, Watts: r.Watts, Retained: m.Retained, Stamp: r.Stamp})
	}
	if r.ReturnsOn != plug.NotTold {
		told := plugDefault{Told: power.No, Evidence: r.Evidence}
		if r.ReturnsOn == plug.On {
			told.Told = power.Yes
		}
		k.mail.post(false, told)
	}
}

// relayOf is what a report says of the relay.
func relayOf(r plug.Report) (e power.Relay, told bool) {
	e = power.Relay{State: power.RelayUnknown, Restarted: r.Restarted}
	switch {
	case r.Away:
		return e, true
	case r.Relay == plug.On:
		e.State = power.RelayOn
	case r.Relay == plug.Off:
		e.State = power.RelayOff
	default:
		return e, r.Restarted
	}
	return e, true
}

// send gives a plug an order now or never, past all that waits and unretained.
// Without an error all of it left; still is asked before each part does.
func (k *keeper) send(orders []plug.Message, still func() bool) error {
	for _, o := range orders {
		if err := k.site.mqtt.Now(mqtt.Message{Class: mqtt.Event, Topic: o.Topic, Payload: o.Payload}, still); err != nil {
			return fmt.Errorf("tell %s: %w", o.Topic, err)
		}
	}
	return nil
}

// ask puts questions to the plug; at is when the first of them left. That they can't
// be sent shows in what it doesn't tell, and the broker's absence is in the diary
// already.
func (k *keeper) ask(questions []plug.Message) (at power.Instant, sent bool) {
	err := k.send(questions, func() bool {
		if at.Wall.IsZero() {
			at = k.now()
		}
		return true
	})
	if err != nil {
		k.log.Debug("the plug couldn't be asked", keyError, err)
	}
	return at, err == nil && len(questions) > 0
}

// switchTo gives an order, which is tried again if the machine still wants it.
func (k *keeper) switchTo(orders []plug.Message, still func() bool) {
	if err := k.send(orders, still); err != nil {
		k.log.Warn("the plug couldn't be switched", keyError, err)
	}
}

// switchOn needs no proof. The machine goes on until the relay is read as on.
func (k *keeper) switchOn() {
	if k.plug != nil {
		k.switchTo(k.plug.On(), nil) // coming late does no harm
	}
}

// switchOff leaves only while nothing speaks against its proof.
func (k *keeper) switchOff(proof uint64) {
	k.switchTo(k.plug.Off(), func() bool { return k.gate.cuts(proof) })
}

// askEvery is how often the plug is asked; 0: it can't be.
func (k *keeper) askEvery() time.Duration {
	if k.plug == nil {
		return 0
	}
	if _, _, askable, _ := k.plug.Tells(); !askable {
		return 0
	}
	return k.machine.Watch().AskPlug
}

// askPlug asks for a fresh reading and for the relay, when it is time to.
func (k *keeper) askPlug(ctx context.Context) {
	if every := k.askEvery(); every == 0 || time.Since(k.asked) < every {
		return
	}
	k.asked = time.Now()
	if at, sent := k.ask(k.plug.AskNow()); sent {
		k.step(ctx, power.Asked{At: at})
	}
}
