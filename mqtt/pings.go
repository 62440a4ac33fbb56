package mqtt

import (
	"sync"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// pings counts the pings of a connection, paho's too, and their answers.
type pings struct {
	wanted chan struct{} // holds one wake-up

	mu             sync.Mutex
	sent, answered int
	news           chan struct{} // closed with the next answer
}

func newPings() *pings {
	return &pings{wanted: make(chan struct{}, 1), news: make(chan struct{})}
}

// next is the number of the next ping that will be sent.
func (p *pings) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent + 1
}

func (p *pings) asked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
}

// state returns how many pings are answered, and a channel that is closed when that changes.
func (p *pings) state() (answered int, news <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered, p.news
}

func (p *pings) pong() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answered == p.sent {
		return // nobody asked
	}
	p.answered++
	close(p.news)
	p.news = make(chan struct{})
}

// framer follows the packets in what is read from a broker. One goroutine uses it.
type framer struct {
	kind  byte // of the packet under way; 0: none
	sized bool // its length is known
	shift int  // of the next seven bits of the length
	left  int  // bytes of it that are still to come
}

// read takes the next bytes and returns how many PINGRESP ended with them. A packet is its type, its length in one to four
// bytes with seven bits each, the lowest first, and what has that length (MQTT 3.1.1, 2.2).
func (f *framer) read(b []byte) (pongs int) {
	for len(b) > 0 {
		switch {
		case f.kind == 0:
			*f = framer{kind: b[0] >> 4}
			b = b[1:]
			continue
		case !f.sized:
			f.left |= int(b[0]&0x7f) << f.shift
			f.shift += 7
			f.sized = b[0]&0x80 == 0
			b = b[1:]
		default:
			n := min(f.left, len(b))
			f.left -= n
			b = b[n:]
		}
		if f.sized && f.left == 0 {
			if f.kind == packets.Pingresp {
				pongs++
			}
			f.kind = 0
		}
	}
	return pongs
}
