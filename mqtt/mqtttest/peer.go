package mqtttest

import (
	"bufio"
	"errors"
	"net"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// peer is one connection to the broker. Its fields are under the broker's lock.
type peer struct {
	broker   *Broker
	conn     net.Conn
	number   int
	client   string
	accepted bool
	will     *message
	subs     map[string]byte
	out      []packets.ControlPacket
	lastID   uint16
	gone     bool
}

// errEnd ends a connection whose peer did nothing wrong.
var errEnd = errors.New("end of connection")

// read handles the packets of the peer until its connection ends.
func (p *peer) read() {
	defer p.end()
	in := bufio.NewReader(p.conn)
	for {
		size, err := packetSize(in)
		if err != nil || !p.mayRead(size) {
			return
		}
		packet, err := packets.ReadPacket(in)
		if err != nil || p.handle(packet) != nil {
			return
		}
	}
}

// mayRead waits while the broker is frozen or slow, and reports whether a packet of this size is wanted.
func (p *peer) mayRead(size int) bool {
	p.broker.mu.Lock()
	delay := p.broker.faults.delay
	p.broker.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	p.broker.mu.Lock()
	defer p.broker.mu.Unlock()
	for p.broker.faults.frozen && !p.gone {
		p.broker.cond.Wait()
	}
	limit := p.broker.faults.maxPacket
	return !p.gone && (limit == 0 || size <= limit)
}

// packetSize waits for a packet and tells its whole length from its first bytes, without taking them.
func packetSize(in *bufio.Reader) (int, error) {
	remaining, shift := 0, 0
	for i := 1; i <= 4; i++ {
		head, err := in.Peek(i + 1)
		if err != nil {
			return 0, err
		}
		remaining |= int(head[i]&0x7f) << shift
		if head[i]&0x80 == 0 {
			return 1 + i + remaining, nil
		}
		shift += 7
	}
	return 0, errors.New("malformed length")
}

func (p *peer) handle(packet packets.ControlPacket) error {
	p.broker.mu.Lock()
	defer p.broker.mu.Unlock()
	if p.gone {
		return errEnd
	}
	if connect, ok := packet.(*packets.ConnectPacket); ok {
		return p.connect(connect)
	}
	if !p.accepted {
		return errors.New("no CONNECT")
	}
	p.broker.record(p, false, packet)
	switch packet := packet.(type) {
	case *packets.PublishPacket:
		return p.publish(packet)
	case *packets.SubscribePacket:
		p.subscribe(packet)
	case *packets.UnsubscribePacket:
		for _, filter := range packet.Topics {
			delete(p.subs, filter)
		}
		ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
		ack.MessageID = packet.MessageID
		p.send(ack)
	case *packets.PubackPacket:
	case *packets.PingreqPacket:
		p.send(packets.NewControlPacket(packets.Pingresp))
	case *packets.DisconnectPacket:
		p.will = nil
		return errEnd
	default:
		return errors.New("unexpected packet")
	}
	return nil
}

func (p *peer) connect(packet *packets.ConnectPacket) error {
	if p.accepted {
		return errors.New("second CONNECT")
	}
	p.client = packet.ClientIdentifier
	p.broker.record(p, false, packet)
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = p.verdict(packet)
	if ack.ReturnCode != packets.Accepted {
		p.send(ack)
		return nil // the client closes, once it has read the answer
	}
	for other := range p.broker.peers {
		if other != p && other.accepted && other.client == p.client {
			other.drop()
		}
	}
	if packet.WillFlag {
		p.will = &message{topic: packet.WillTopic, payload: packet.WillMessage, qos: packet.WillQos, retain: packet.WillRetain}
	}
	p.accepted = true
	p.send(ack)
	return nil
}

func (p *peer) verdict(packet *packets.ConnectPacket) byte {
	f := &p.broker.faults
	if f.refuse != 0 {
		return f.refuse
	}
	if code := packet.Validate(); code != packets.Accepted {
		return code
	}
	if f.login && (packet.Username != f.user || string(packet.Password) != f.password) {
		return packets.ErrRefusedNotAuthorised
	}
	return packets.Accepted
}

func (p *peer) publish(packet *packets.PublishPacket) error {
	if packet.Qos > 1 || !validTopic(packet.TopicName) || p.broker.faults.closeOn[packet.TopicName] {
		return errors.New("publish not taken")
	}
	p.broker.route(message{topic: packet.TopicName, payload: packet.Payload, qos: packet.Qos, retain: packet.Retain})
	if packet.Qos == 1 && !p.broker.faults.holdAcks {
		ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
		ack.MessageID = packet.MessageID
		p.send(ack)
	}
	return nil
}

// subscribe answers first and then sends the retained messages of each filter.
func (p *peer) subscribe(packet *packets.SubscribePacket) {
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID = packet.MessageID
	for i, filter := range packet.Topics {
		code := min(packet.Qoss[i], 1)
		if !validFilter(filter) || p.broker.faults.refusedFilters[filter] {
			code = 0x80
		} else {
			p.subs[filter] = code
		}
		ack.ReturnCodes = append(ack.ReturnCodes, code)
	}
	p.send(ack)
	for i, filter := range packet.Topics {
		if ack.ReturnCodes[i] != 0x80 {
			p.sendRetained(filter, ack.ReturnCodes[i])
		}
	}
}

func (p *peer) sendRetained(filter string, qos byte) {
	for topic, r := range p.broker.retained {
		if Match(filter, topic) {
			p.deliver(message{topic: topic, payload: r.payload}, min(qos, r.qos), true)
		}
	}
}

// subscribed returns the highest QoS at which the peer wants a topic.
func (p *peer) subscribed(topic string) (byte, bool) {
	best, found := byte(0), false
	for filter, qos := range p.subs {
		if Match(filter, topic) {
			best, found = max(best, qos), true
		}
	}
	return best, found
}

func (p *peer) deliver(m message, qos byte, stored bool) {
	packet := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	packet.TopicName, packet.Payload, packet.Qos, packet.Retain = m.topic, m.payload, qos, stored
	if qos > 0 {
		p.lastID++
		if p.lastID == 0 {
			p.lastID = 1
		}
		packet.MessageID = p.lastID
	}
	p.send(packet)
}

// send queues a packet for the writer.
func (p *peer) send(packet packets.ControlPacket) {
	if p.gone {
		return
	}
	p.broker.record(p, true, packet)
	p.out = append(p.out, packet)
	p.broker.cond.Broadcast()
}

// write sends what is queued until the connection ends.
func (p *peer) write() {
	for {
		packet, ok := p.next()
		if !ok {
			return
		}
		if packet.Write(p.conn) != nil {
			p.broker.change(p.drop)
			return
		}
	}
}

func (p *peer) next() (packets.ControlPacket, bool) {
	p.broker.mu.Lock()
	defer p.broker.mu.Unlock()
	for !p.gone && (len(p.out) == 0 || p.broker.faults.frozen) {
		p.broker.cond.Wait()
	}
	if p.gone {
		return nil, false
	}
	packet := p.out[0]
	p.out = p.out[1:]
	return packet, true
}

func (p *peer) end() { p.broker.change(p.drop) }

// drop ends the connection and publishes the will, if the peer didn't take it back. Called with the lock held.
func (p *peer) drop() {
	if p.gone {
		return
	}
	p.gone = true
	delete(p.broker.peers, p)
	_ = p.conn.Close()
	p.broker.record(p, true, nil)
	if p.will != nil {
		p.broker.route(*p.will)
	}
}
