package mqtt

import (
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// acksSize is how many messages may be read before the acknowledgement of the first is written: more than any broker has under
// way that counts on 20 (Mosquitto), and little memory.
const acksSize = 1024

// acks acknowledges what has come, in order and in a goroutine of its own: reading goes on while the connection takes nothing,
// or is busy with a picture. paho acknowledges where it reads.
type acks struct {
	queue chan paho.Message
	ended chan struct{}
	wg    sync.WaitGroup
}

func newAcks() *acks {
	return &acks{queue: make(chan paho.Message, acksSize), ended: make(chan struct{})}
}

func (a *acks) start() {
	a.wg.Go(func() {
		for {
			select {
			case m := <-a.queue:
				m.Ack()
			case <-a.ended:
				return
			}
		}
	})
}

// due hands over a message. It blocks while acksSize of them wait.
func (a *acks) due(m paho.Message) {
	if m.Qos() == 0 {
		return
	}
	select {
	case a.queue <- m:
	case <-a.ended:
	}
}

// stop ends it; what isn't acknowledged then never is. wait returns when the goroutine is gone, which may be waiting for paho.
func (a *acks) stop() { close(a.ended) }
func (a *acks) wait() { a.wg.Wait() }
