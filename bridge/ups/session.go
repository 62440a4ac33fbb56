package ups

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// answerTimeout is for a connection, and for each answer from question to end.
	answerTimeout = 5 * time.Second
	// maxLine is in bytes; NUT's own client takes lines of 512.
	maxLine = 1024
	// maxListed is far more commands than a UPS with many outlets has, and UPSes than a
	// server.
	maxListed = 500
	// listenFor is how long a kept connection is listened to before it is used.
	listenFor = time.Millisecond
)

// session is one connection. After an error that isn't a *ServerError it is good for
// nothing but close. One goroutine uses it.
type session struct {
	client *Client
	conn   net.Conn
	in     *bufio.Reader
	end    func() bool // it follows ctx no more
	denied error       // the login was refused, a *ServerError
}

// open connects, and signs in if there is a user name. The session ends with ctx.
func (c *Client) open(ctx context.Context) (*session, error) {
	dialing, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := c.dial(dialing, "tcp", c.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	s := &session{client: c, conn: conn, in: bufio.NewReaderSize(conn, maxLine)}
	s.end = context.AfterFunc(ctx, func() { _ = conn.Close() })
	if c.username == "" {
		return s, nil
	}
	err = s.login()
	if refused(err) {
		s.denied = err
		return s, nil
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	s.end()
	_ = s.conn.Close()
}

func refused(err error) bool {
	var e *ServerError
	return errors.As(err, &e)
}

func (s *session) login() error {
	for _, question := range [][]string{{"USERNAME", s.client.username}, {"PASSWORD", s.client.password}} {
		answer, err := s.ask(question...)
		if err != nil {
			return err
		}
		if answer[0] != "OK" {
			return ErrNotNUT
		}
	}
	return nil
}

// because says that an error comes of the login's refusal, where it may.
func (s *session) because(err error) error {
	if s.denied != nil && (errors.Is(err, ErrDenied) || errors.Is(err, ErrUnreachable)) {
		return fmt.Errorf("%w (%w)", s.denied, err)
	}
	return err
}

// read asks for a reading.
func (s *session) read() (Reading, error) {
	status, err := s.variable("ups.status")
	if err != nil {
		return Reading{}, err
	}
	r := Reading{At: time.Now(), Words: strings.Fields(status)}
	percent, err := s.optional("battery.charge")
	if err != nil {
		return Reading{}, err
	}
	seconds, err := s.optional("battery.runtime")
	if err != nil {
		return Reading{}, err
	}
	r.Charge, r.Runtime = charge(percent), runtime(seconds)
	return r, nil
}

// optional is a variable that not every UPS has, or "".
func (s *session) optional(name string) (string, error) {
	value, err := s.variable(name)
	if errors.Is(err, ErrUnsupported) {
		return "", nil
	}
	return value, err
}

func (s *session) variable(name string) (string, error) {
	answer, err := s.ask("GET", "VAR", s.client.ups, name)
	if err != nil {
		return "", err
	}
	if len(answer) != 4 || !same(answer[:3], "VAR", s.client.ups, name) {
		return "", ErrNotNUT
	}
	return answer[3], nil
}

// list asks for the names of what there is: lines of three words that begin with what.
func (s *session) list(what ...string) ([]string, error) {
	if _, err := s.send(append([]string{"LIST"}, what...)...); err != nil {
		return nil, err
	}
	begin, err := s.line()
	if err != nil {
		return nil, err
	}
	if !same(begin, append([]string{"BEGIN", "LIST"}, what...)...) {
		return nil, ErrNotNUT
	}
	var names []string
	for len(names) <= maxListed {
		words, err := s.line()
		switch {
		case err != nil:
			return nil, err
		case same(words, append([]string{"END", "LIST"}, what...)...):
			return names, s.ended()
		case len(words) != 3 || !same(words[:len(what)], what...):
			return nil, ErrNotNUT
		}
		names = append(names, words[len(what)])
	}
	return nil, ErrTooLong
}

// same compares words. upsd repeats names as they were asked for; others may write
// them as they are configured, since upsd doesn't look at their case.
func same(words []string, want ...string) bool {
	return slices.EqualFunc(words, want, strings.EqualFold)
}

// ask sends a question whose answer is one line.
func (s *session) ask(question ...string) ([]string, error) {
	if _, err := s.send(question...); err != nil {
		return nil, err
	}
	return s.only()
}

// send gives a question its time and sends it. It returns how many bytes went out.
func (s *session) send(question ...string) (int, error) {
	if err := s.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, lost(err)
	}
	n, err := s.conn.Write([]byte(join(question) + "\n"))
	if err != nil {
		return n, lost(err)
	}
	return n, nil
}

// only reads an answer that is one line.
func (s *session) only() ([]string, error) {
	answer, err := s.line()
	if err != nil && !refused(err) {
		return nil, err
	}
	if more := s.ended(); more != nil {
		return nil, more
	}
	return answer, err
}

// line reads a line that isn't empty, or the refusal that it is.
func (s *session) line() ([]string, error) {
	line, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, ErrTooLong
	}
	if err != nil {
		return nil, lost(err)
	}
	words := split(strings.TrimRight(string(line), "\r\n"))
	switch {
	case words == nil:
		return nil, ErrNotNUT
	case words[0] != "ERR":
		return words, nil
	case len(words) == 1:
		return nil, ErrNotNUT
	}
	e := &ServerError{Code: words[1]}
	if e.Unwrap() == nil && !s.mayBeTold(e.Code) {
		return nil, ErrNotNUT
	}
	return nil, e
}

// mayBeTold says whether an unknown code may stand in an error: whoever answers has
// been told the password, and could repeat it.
func (s *session) mayBeTold(code string) bool {
	return len(code) <= 40 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" &&
		(s.client.password == "" || !strings.Contains(code, s.client.password))
}

// ended finds what came behind the last line of an answer.
func (s *session) ended() error {
	if s.in.Buffered() > 0 {
		return ErrNotNUT
	}
	return nil
}

// idle says that a kept connection still stands and that nothing came unasked, which
// would be taken for the next answer.
func (s *session) idle() bool {
	if s.conn.SetReadDeadline(time.Now().Add(listenFor)) != nil {
		return false
	}
	_, err := s.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// lost says what became of a connection.
func lost(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrLate
	}
	return fmt.Errorf("%w: the connection is lost: %w", ErrUnreachable, err)
}
