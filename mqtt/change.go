package mqtt

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what happened to the session.
type Kind int

const (
	// Connected: the broker accepted us and answered the subscriptions; Failures tells how many attempts failed before.
	Connected Kind = iota + 1
	// Replayed: the broker acknowledged all that was remembered when the connection began.
	Replayed
	// Lost: the connection ended, with Err. Nothing is sent until the next Connected.
	Lost
	// Unreachable: no connection could be made, with Err. Told once until the next Connected, and again for another reason.
	Unreachable
	// Refused: the broker answered and doesn't want us; Err is a [*RefusedError]. Told like Unreachable.
	Refused
	// Withheld: Topic isn't sent any more, with Err as the reason, until its content changes.
	Withheld
	// Unsubscribed: the broker refused the subscription to the filter in Topic; told on each connection.
	Unsubscribed
)

func (k Kind) String() string {
	switch k {
	case Connected:
		return "connected"
	case Replayed:
		return "replayed"
	case Lost:
		return "lost"
	case Unreachable:
		return "unreachable"
	case Refused:
		return "refused"
	case Withheld:
		return "withheld"
	case Unsubscribed:
		return "unsubscribed"
	default:
		return fmt.Sprintf("Kind(%d)", int(k))
	}
}

// Change is one thing that happened to the session.
type Change struct {
	Kind     Kind
	At       time.Time
	Err      error  // Lost, Unreachable, Refused, Withheld
	Topic    string // Withheld: the topic; Unsubscribed: the filter
	Size     int    // Withheld: bytes of the payload
	Failures int    // Connected: attempts that failed since the connection before
}

var (
	// ErrRefused is in every [RefusedError].
	ErrRefused = errors.New("the broker refused the connection")
	// ErrBrokerCloses is why a message is withheld: the broker ended the connection each time it was sent.
	ErrBrokerCloses = errors.New("the broker closes the connection on this message: raise its packet limit or check its access rules")
	// ErrTooLarge is why a retained message is withheld that is larger than what brokers take unless told otherwise.
	ErrTooLarge = errors.New("larger than 2 MB")
	// ErrNoAnswer ends a connection whose broker doesn't acknowledge.
	ErrNoAnswer = errors.New("the broker doesn't answer")
	// ErrNotConnected is why [Client.Now] sends nothing without a connection, and the class State before its snapshot is out.
	ErrNotConnected = errors.New("not connected to the broker")
	// ErrWithdrawn is why [Client.Now] sends nothing that isn't wanted any more.
	ErrWithdrawn = errors.New("withdrawn before it was sent")
	// ErrStalled is why [Client.Now] sends nothing over a connection that doesn't take it at once.
	ErrStalled = errors.New("the broker doesn't take it at once")

	errStopped    = errors.New("stopped")
	errClosed     = errors.New("the broker closed the connection")
	errPahoClosed = fmt.Errorf("%w pings", ErrNoAnswer)
	errNotMQTT    = errors.New("what answers there isn't an MQTT 3.1.1 broker")
)

// RefusedError is the broker's refusal of a connection.
type RefusedError struct {
	Code byte // CONNACK return code: 1 to 5 in MQTT 3.1.1
}

// Error says what a person can do about it.
func (e *RefusedError) Error() string {
	switch e.Code {
	case 1:
		return "the broker doesn't speak MQTT 3.1.1"
	case 2:
		return "the broker rejected the client identifier: choose another one"
	case 3:
		return "the broker says that it is unavailable"
	case 4:
		return "wrong user name or password"
	case 5:
		return "not authorised: wrong user name or password, or this user may not connect"
	default:
		return fmt.Sprintf("the broker refused the connection with code %d", e.Code)
	}
}

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }
