package ups

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// commandTimeout bounds a command with all that belongs to it.
	commandTimeout = 15 * time.Second
	// trackEvery is how often it is asked what came of a command.
	trackEvery = 500 * time.Millisecond
	// maxArgument is in bytes.
	maxArgument = 64
)

// Outcome is how an instant command ended.
type Outcome int

const (
	OutcomeUnknown Outcome = iota // it may have arrived: its answer is lost, not understood, or says neither yes nor no
	OutcomeDone                   // the driver says that it is done, or, before NUT 2.8.0, upsd that the driver has it
	OutcomeNotSent                // nothing of the command left this host
	OutcomeRefused                // login, right, UPS, driver or support: the UPS was told nothing
)

func (o Outcome) String() string {
	switch o {
	case OutcomeUnknown:
		return "unknown"
	case OutcomeDone:
		return "done"
	case OutcomeNotSent:
		return "not sent"
	case OutcomeRefused:
		return "refused"
	}
	panic("ups: unknown Outcome")
}

// InstantCommand gives the UPS an instant command, as in "shutdown.return" or
// "outlet.1.load.off" (letters a to z, digits and points), with an argument if it
// isn't "". It needs Username and Password.
//
// upsd's OK only says that the driver has the command: 2.8.0 says so also of one that
// the driver then doesn't know, and the driver may carry it out much later. So upsd is
// asked what came of it (TRACKING, since 2.8.0), and only the driver's success is done.
// Done is still no proof: a UPS may wait (ups.delay.shutdown), or do something else.
//
// still is asked at the last moment, when all else is done; with false nothing is sent
// (ErrWithheld), nil is always true. The command is sent at most once, over a
// connection of its own. It takes 15 s at
// most, and never longer than ctx. The error is nil for OutcomeDone only; it tells a
// person what happened and what to do, and wraps a *ServerError if upsd gave the reason.
func (c *Client) InstantCommand(ctx context.Context, command, argument string, still func() bool) (Outcome, error) {
	if err := c.permits(command, argument); err != nil {
		return OutcomeNotSent, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, commandTimeout, ErrLate)
	defer cancel()
	o, err := c.instant(ctx, command, argument, still)
	if o == OutcomeDone {
		return o, nil
	}
	return o, fmt.Errorf("%s: %w", advice(o, command), c.named(ctx, err))
}

// permits says why a command can't be given by this client.
func (c *Client) permits(command, argument string) error {
	switch {
	case command == "" || len(command) > maxName || strings.Trim(command, "abcdefghijklmnopqrstuvwxyz0123456789.") != "":
		return errors.New("an instant command has only the letters a to z, digits and points, as in shutdown.return")
	case len(argument) > maxArgument || !isText(argument):
		return fmt.Errorf("the argument of %s must be text of at most %d bytes without line breaks", command, maxArgument)
	case c.username == "":
		return fmt.Errorf("%s needs user name and password of the UPS server", command)
	}
	return nil
}

func (c *Client) instant(ctx context.Context, command, argument string, still func() bool) (Outcome, error) {
	s, err := c.open(ctx)
	if err != nil {
		return OutcomeNotSent, err
	}
	defer s.close()
	if s.denied != nil {
		return OutcomeRefused, s.denied
	}
	// Before 2.8.0 there is no tracking, and an error says so.
	if _, err := s.ask("SET", "TRACKING", "ON"); err != nil && !refused(err) {
		return OutcomeNotSent, err
	}
	if ctx.Err() != nil { // the connection may not have noticed yet
		return OutcomeNotSent, ctx.Err()
	}
	if still != nil && !still() {
		return OutcomeNotSent, ErrWithheld
	}
	question := []string{"INSTCMD", c.ups, command}
	if argument != "" {
		question = append(question, argument)
	}
	sent, err := s.send(question...)
	switch {
	case err != nil && sent == 0:
		return OutcomeNotSent, err
	case err != nil:
		return OutcomeUnknown, err
	}
	return s.outcome(ctx)
}

// outcome reads the answer to a command, and asks on if there is more to know.
func (s *session) outcome(ctx context.Context) (Outcome, error) {
	answer, err := s.only()
	switch {
	case err != nil:
		return refusal(err), err
	case len(answer) == 3 && answer[0] == "OK" && answer[1] == "TRACKING":
		return s.track(ctx, answer[2])
	case len(answer) == 1 && answer[0] == "OK":
		return OutcomeDone, nil
	}
	return OutcomeUnknown, ErrNotNUT
}

// refusal is the outcome of a command that an error was the answer to. With
// INSTCMD-FAILED upsd couldn't hand it to the driver, and "no further information is
// available"; what other codes mean isn't known.
func refusal(err error) Outcome {
	var e *ServerError
	if errors.As(err, &e) && (e.Unwrap() != nil || e.Code == "INVALID-ARGUMENT" || e.Code == "UNKNOWN-COMMAND") {
		return OutcomeRefused
	}
	return OutcomeUnknown
}

// track asks what came of a command until the driver has said so, which it may carry
// out even later. FAILED says it of a UPS that may have got the command, UNKNOWN of a
// driver that doesn't know it and of any other failure.
func (s *session) track(ctx context.Context, id string) (Outcome, error) {
	for {
		answer, err := s.ask("GET", "TRACKING", id)
		var e *ServerError
		switch {
		case errors.As(err, &e) && e.Code == "INVALID-ARGUMENT":
			return OutcomeRefused, err
		case err != nil:
			return OutcomeUnknown, err
		case same(answer, "SUCCESS"):
			return OutcomeDone, nil
		case !same(answer, "PENDING"):
			return OutcomeUnknown, ErrNotNUT
		}
		select {
		case <-ctx.Done():
			return OutcomeUnknown, ErrLate
		case <-time.After(trackEvery):
		}
	}
}

// advice tells a person what an outcome that isn't done means, and what to do.
func advice(o Outcome, command string) string {
	switch o {
	case OutcomeUnknown:
		return command + " may have reached the UPS; watch it before you ask again"
	case OutcomeNotSent:
		return command + " wasn't sent; ask again when the reason is gone"
	case OutcomeRefused:
		return command + " is refused, the UPS was told nothing"
	case OutcomeDone:
	}
	panic("ups: no advice for " + o.String())
}
