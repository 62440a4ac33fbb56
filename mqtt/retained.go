package mqtt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// quiet is how long nothing may come until the retained messages count as complete: brokers send them at once.
	quiet = 500 * time.Millisecond
	// collectTimeout, maxTopics and collectBytes bound one collection.
	collectTimeout = 30 * time.Second
	collectBytes   = 64 << 20
)

// ErrIncomplete is returned by [Retained] with what was collected when there is more than fits.
var ErrIncomplete = errors.New("not all retained messages were collected")

// Retained collects the retained messages that match the filters, in a session of its own: the client id in cfg must differ
// from that of a running Client. Of cfg only URL, TLS, Dial, ClientID, Username and Password are used, so no will and no
// goodbye come of it. The collection ends 500 ms after the last message, and with ErrIncomplete after 30 s, 65,536 messages or
// 64 MiB. The messages' class is [State]: what they are for isn't known.
func Retained(ctx context.Context, cfg Config, filters []string) ([]Message, error) {
	col := &collection{arrived: make(chan struct{}, 1)}
	s, err := once(ctx, cfg, filters, col.receive)
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	defer s.close()
	ctx, cancel := context.WithTimeoutCause(ctx, collectTimeout, ErrIncomplete)
	defer cancel()
	if err := col.collect(ctx, s, filters); err != nil {
		return col.take(), fmt.Errorf("mqtt: collect retained messages: %w", err)
	}
	s.disconnect()
	return col.take(), nil
}

// Clear publishes empty retained messages, which clears the topics, in a session of its own (see [Retained]). Without an error
// the broker has acknowledged all of them.
func Clear(ctx context.Context, cfg Config, topics []string) error {
	o, err := clearing(topics)
	if err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	s, err := once(ctx, cfg, nil, func(string, []byte, bool) {})
	if err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	guard := s.start(ctx)
	defer guard.Wait()
	defer s.close()
	o.begin()
	for s.fill(o); len(s.window) > 0; s.fill(o) {
		if err := s.drain(ctx, o); err != nil {
			return fmt.Errorf("mqtt: clear retained messages: %w", err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("mqtt: clear retained messages: %w", context.Cause(ctx))
		}
	}
	s.disconnect()
	return nil
}

// clearing is an outbox that holds nothing but the topics to clear.
func clearing(topics []string) (*outbox, error) {
	if len(topics) > maxTopics {
		return nil, fmt.Errorf("clear: %d topics are more than %d", len(topics), maxTopics)
	}
	o := newOutbox()
	for _, topic := range topics {
		if !validTopic(topic) {
			return nil, fmt.Errorf("clear: %q isn't a topic", topic)
		}
		o.publish(Message{Class: State, Topic: topic, Retain: true})
	}
	return o, nil
}

// once makes the connection of a short session.
func once(ctx context.Context, cfg Config, filters []string, receive receiver) (*session, error) {
	cfg = Config{URL: cfg.URL, ClientID: cfg.ClientID, Username: cfg.Username, Password: cfg.Password,
		TLS: cfg.TLS, Dial: cfg.Dial, Subscribe: filters}
	to, err := parseTarget(cfg.URL)
	if err := errors.Join(err, cfg.check()); err != nil {
		return nil, err
	}
	return connect(ctx, cfg, to, receive)
}

// collection gathers messages from paho's goroutine.
type collection struct {
	arrived chan struct{} // holds one wake-up

	mu       sync.Mutex
	messages []Message
	bytes    int
	full     bool
}

func (col *collection) receive(topic string, payload []byte, retained bool) {
	if !retained {
		return
	}
	col.mu.Lock()
	defer col.mu.Unlock()
	if len(col.messages) >= maxTopics || col.bytes+len(payload) > collectBytes {
		col.full = true
	} else {
		col.messages = append(col.messages, Message{Class: State, Topic: topic, Payload: payload, Retain: true})
		col.bytes += len(payload)
	}
	notify(col.arrived)
}

func (col *collection) take() []Message {
	col.mu.Lock()
	defer col.mu.Unlock()
	return col.messages
}

func (col *collection) isFull() bool {
	col.mu.Lock()
	defer col.mu.Unlock()
	return col.full
}

// collect subscribes and waits until nothing has come for a while.
func (col *collection) collect(ctx context.Context, s *session, filters []string) error {
	refused, err := s.subscribe(ctx, filters)
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return fmt.Errorf("the broker refused the subscription to %q", refused)
	}
	for {
		s.timer.Reset(quiet)
		select {
		case <-col.arrived:
			if col.isFull() {
				return ErrIncomplete
			}
		case <-s.timer.C:
			return nil
		case <-s.link.dead:
			return s.link.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
