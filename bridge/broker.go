package bridge

import (
	"errors"
	"fmt"
	"net/url"

	"hikbridge/mqtt"
)

// brokerChanged writes what happened to the session into the diary. A broker
// that is away is told once, and its return with the number of tries.
func (b *Bridge) brokerChanged(c mqtt.Change) {
	log := b.site.cfg.Log.With(keyBroker, brokerAddress(b.site.cfg.Broker.URL))
	switch c.Kind {
	case mqtt.Connected:
		log.Info("connected to the broker", keyTries, c.Failures+1)
		b.unheard = ""
		b.publish()
		b.site.tellEarly()
	case mqtt.Replayed:
		log.Debug("the broker has everything")
	case mqtt.Lost:
		if o := b.site.outage; o != nil {
			o.brokerLost(c.At)
		}
		log.Warn("connection to the broker lost", keyError, c.Err)
	case mqtt.Unreachable:
		log.Warn("broker can't be reached; it is tried at least every 5 seconds", keyError, c.Err)
	case mqtt.Refused:
		log.Error("broker refuses the connection", keyError, c.Err)
	case mqtt.Withheld:
		b.withheld = clip(fmt.Sprintf("%s isn't sent (%d bytes): %v", c.Topic, c.Size, c.Err))
		log.Error("a message isn't sent", keyTopic, c.Topic, keyCount, c.Size, keyError, c.Err)
		b.publish()
	case mqtt.Unsubscribed:
		err := errors.New("the broker doesn't let us read it; without it commands don't work: give the user the right in the broker's ACL")
		b.unheard = clip(c.Topic + ": " + err.Error())
		log.Error("subscription refused", keyTopic, c.Topic, keyError, err)
		b.publish()
	default:
		panic("bridge: unknown change")
	}
}

// brokerAddress is scheme and host: the rest of a ws URL could be a token.
func brokerAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
