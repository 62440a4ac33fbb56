package ups_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/ups"
)

// gives checks what came of a command.
func gives(t *testing.T, o ups.Outcome, err error, want ups.Outcome) {
	t.Helper()
	if o != want || (err == nil) != (want == ups.OutcomeDone) {
		t.Errorf("got %v, %v; want %v", o, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Errorf("the password is told: %v", err)
	}
}

func TestACommandReachesTheUPS(t *testing.T) {
	var given []string
	act := func(c *bridgetest.NUTConfig) {
		given = nil
		c.OnCommand = func(command, argument string) string { given = append(given, command+"("+argument+")"); return "" }
	}
	for _, c := range []struct{ name, command, argument, want string }{
		{"without an argument", "shutdown.return", "", "shutdown.return()"},
		{"with an argument", "load.off", "120", "load.off(120)"},
		{"with one that needs quotes", "load.off", "a \"b\" \\ # c", "load.off(a \"b\" \\ # c)"},
	} {
		in(t, act, func(t *testing.T, n *bridgetest.NUT, client *ups.Client) {
			o, err := client.InstantCommand(t.Context(), c.command, c.argument, nil)
			gives(t, o, err, ups.OutcomeDone)
			if len(given) != 1 || given[0] != c.want {
				t.Errorf("%s: %q", c.name, given)
			}
			if got := n.Commands(); len(got) != 1 || !got[0].Taken || got[0].User != "bridge" {
				t.Errorf("%s: %+v", c.name, got)
			}
		})
	}
}

func TestACommandIsWithheldAtTheLastMoment(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		for _, wanted := range []bool{false, true} {
			before := 0 // requests when it was asked
			o, err := c.InstantCommand(t.Context(), "load.off", "", func() bool { before = len(n.Requests()); return wanted })
			want := ups.OutcomeDone
			if !wanted {
				want = ups.OutcomeNotSent
			}
			gives(t, o, err, want)
			if errors.Is(err, ups.ErrWithheld) == wanted {
				t.Errorf("wanted %v: %v", wanted, err)
			}
			all := n.Requests()
			if sent := len(n.Commands()) == 1; sent != wanted || before == 0 || !strings.HasPrefix(all[before-1].Line, "SET TRACKING") {
				t.Errorf("wanted %v: sent %v, asked after %q", wanted, sent, all[before-1].Line)
			}
		}
	})
}

// Before 2.8.0 there is only upsd's OK.
func TestACommandToAnOldServer(t *testing.T) {
	for _, result := range []string{"", "FAILED"} {
		in(t, func(c *bridgetest.NUTConfig) {
			c.Old, c.OnCommand = true, func(string, string) string { return result }
		}, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
			o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
			gives(t, o, err, ups.OutcomeDone)
			if got := n.Commands(); len(got) != 1 || !got[0].Taken {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestWhatTheDriverSaysOfACommand(t *testing.T) {
	for result, want := range map[string]ups.Outcome{
		"":                 ups.OutcomeDone,
		"INVALID-ARGUMENT": ups.OutcomeRefused,
		"UNKNOWN":          ups.OutcomeUnknown,
		"FAILED":           ups.OutcomeUnknown,
		"SOMETHING-NEW":    ups.OutcomeUnknown,
	} {
		t.Run(result, func(t *testing.T) {
			in(t, func(c *bridgetest.NUTConfig) {
				c.OnCommand = func(string, string) string { return result }
			}, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
				gives(t, o, err, want)
				if err != nil && !strings.Contains(err.Error(), result) {
					t.Errorf("the reason misses: %v", err)
				}
			})
		})
	}
}

func TestTheDriverHasItsTime(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Pending(14 * time.Second)
		o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
		gives(t, o, err, ups.OutcomeDone)
	})
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Pending(16 * time.Second)
		begin := time.Now()
		o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
		gives(t, o, err, ups.OutcomeUnknown)
		wrong(t, err, ups.ErrLate)
		if took := time.Since(begin); took != 15*time.Second {
			t.Errorf("took %v", took)
		}
		if got := n.Commands(); len(got) != 1 {
			t.Errorf("given %d times", len(got))
		}
	})
}

// What a fault at one of its requests makes of a command, and whether the UPS got it.
func TestOutcomes(t *testing.T) {
	type row struct {
		name  string
		fault bridgetest.NUTFault
		on    string
		want  ups.Outcome
		err   error
		taken bool
	}
	rows := []row{
		{"down", bridgetest.NUTDown, "", ups.OutcomeNotSent, ups.ErrUnreachable, false},
		{"off the network", bridgetest.NUTUnplugged, "", ups.OutcomeNotSent, ups.ErrUnreachable, false},
		{"login refused", bridgetest.NUTLoginRefused, "", ups.OutcomeRefused, ups.ErrDenied, false},
		{"access denied", bridgetest.NUTDenied, "INSTCMD", ups.OutcomeRefused, ups.ErrDenied, false},
		{"unknown UPS", bridgetest.NUTUnknownUPS, "", ups.OutcomeRefused, ups.ErrUnknownUPS, false},
		{"driver dead", bridgetest.NUTDriverDead, "", ups.OutcomeUnknown, ups.ErrDriver, true}, // found while it is tracked
		{"driver dead before", bridgetest.NUTDriverDead, "INSTCMD", ups.OutcomeRefused, ups.ErrDriver, false},
		{"data stale", bridgetest.NUTStale, "INSTCMD", ups.OutcomeRefused, ups.ErrStale, false},
		{"not handed to the driver", bridgetest.NUTFailed, "", ups.OutcomeUnknown, nil, false},
		{"answered byte by byte", bridgetest.NUTByteByByte, "", ups.OutcomeDone, nil, true},
	}
	rows[5].on = "GET TRACKING"
	for _, f := range []struct {
		name  string
		fault bridgetest.NUTFault
		err   error
	}{
		{"silent", bridgetest.NUTSilent, ups.ErrLate},
		{"cut before the answer", bridgetest.NUTLost, ups.ErrUnreachable},
		{"cut in the answer", bridgetest.NUTCut, ups.ErrUnreachable},
		{"two answers", bridgetest.NUTTwice, ups.ErrNotNUT},
		{"a line without an end", bridgetest.NUTEndlessLine, ups.ErrTooLong},
		{"garbage", bridgetest.NUTGarbage, ups.ErrNotNUT},
	} {
		rows = append(rows,
			row{f.name + " at the user name", f.fault, "USERNAME", ups.OutcomeNotSent, f.err, false},
			row{f.name + " at the password", f.fault, "PASSWORD", ups.OutcomeNotSent, f.err, false},
			row{f.name + " before the command", f.fault, "SET", ups.OutcomeNotSent, f.err, false},
			row{f.name + " at the command", f.fault, "INSTCMD", ups.OutcomeUnknown, f.err, true},
			row{f.name + " while it is tracked", f.fault, "GET TRACKING", ups.OutcomeUnknown, f.err, true},
		)
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				n.Fault(r.fault, r.on)
				begin := time.Now()
				o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
				gives(t, o, err, r.want)
				if r.err != nil {
					wrong(t, err, r.err)
				}
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				n.Fault(bridgetest.NUTHealthy, "")
				time.Sleep(time.Minute)
				taken := 0
				for _, given := range n.Commands() {
					if given.Taken {
						taken++
					}
				}
				if taken > 1 || taken == 1 != r.taken {
					t.Errorf("given to the UPS %d times", taken)
				}
				if r.fault == bridgetest.NUTLoginRefused && len(n.Commands()) > 0 {
					t.Error("asked without a login")
				}
			})
		})
	}
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	in(t, func(c *bridgetest.NUTConfig) { c.Password = "another" }, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		if _, err := c.Read(t.Context()); err != nil {
			t.Error(err)
		}
		o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
		gives(t, o, err, ups.OutcomeRefused)
		wrong(t, err, ups.ErrDenied)
		o, err = c.InstantCommand(t.Context(), "beeper.mute", "", nil)
		gives(t, o, err, ups.OutcomeRefused)
		wrong(t, err, ups.ErrUnsupported) // upsd looks at that first
	})
}

func TestAnswersToACommandThatSayNeitherYesNorNo(t *testing.T) {
	for answer, want := range map[string]ups.Outcome{
		"OK":                        ups.OutcomeDone,
		"OK Goodbye":                ups.OutcomeUnknown,
		"OK TRACKING":               ups.OutcomeUnknown,
		"OK TRACKING 1 2":           ups.OutcomeUnknown,
		"OKAY":                      ups.OutcomeUnknown,
		"VAR ups ups.status \"OL\"": ups.OutcomeUnknown,
		"":                          ups.OutcomeUnknown,
		"ERR":                       ups.OutcomeUnknown,
		"ERR SOMETHING-NEW":         ups.OutcomeUnknown,
		"ERR SET-FAILED":            ups.OutcomeUnknown,
		"ERR UNKNOWN-COMMAND":       ups.OutcomeRefused,
		"ERR INVALID-ARGUMENT more": ups.OutcomeRefused,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := client(t, peer(func(conn net.Conn, request string) {
				if strings.HasPrefix(request, "INSTCMD") {
					say(conn, answer+"\n")
					return
				}
				say(conn, "OK\n")
			}))
			o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
			gives(t, o, err, want)
		})
	}
}

// As TestAnswersToACommandThatSayNeitherYesNorNo, of what tracking says.
func TestTrackingThatSaysNeitherYesNorNo(t *testing.T) {
	for answer, want := range map[string]ups.Outcome{
		"SUCCESS": ups.OutcomeDone, "SUCCESS 1": ups.OutcomeUnknown, "OK": ups.OutcomeUnknown, "ON": ups.OutcomeUnknown, "": ups.OutcomeUnknown,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := client(t, peer(func(conn net.Conn, request string) {
				switch {
				case strings.HasPrefix(request, "INSTCMD"):
					say(conn, "OK TRACKING 1\n")
				case strings.HasPrefix(request, "GET"):
					say(conn, answer+"\n")
				default:
					say(conn, "OK\n")
				}
			}))
			o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
			gives(t, o, err, want)
		})
	}
}

func TestALoginThatIsNeitherTakenNorRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, peer(func(conn net.Conn, _ string) { say(conn, "PENDING\n") }))
		o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
		gives(t, o, err, ups.OutcomeNotSent)
		wrong(t, err, ups.ErrNotNUT)
		_, err = c.Read(t.Context())
		wrong(t, err, ups.ErrNotNUT)
	})
}

// An id by which to ask what came of a command can't become a request of its own.
func TestTheIDOfACommandIsQuoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := ""
		c := client(t, peer(func(conn net.Conn, request string) {
			switch {
			case strings.HasPrefix(request, "INSTCMD"):
				say(conn, "OK TRACKING \"1 \\\" 2\"\n")
			case strings.HasPrefix(request, "GET"):
				asked = request
				say(conn, "SUCCESS\n")
			default:
				say(conn, "OK\n")
			}
		}))
		o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
		gives(t, o, err, ups.OutcomeDone)
		if asked != "GET TRACKING \"1 \\\" 2\"\n" {
			t.Errorf("asked %q", asked)
		}
	})
}

func TestCommandsThatArentGiven(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		for _, r := range []struct{ name, command, argument string }{
			{"nothing", "", ""},
			{"capital letters", "LOAD.OFF", ""},
			{"a blank", "load off", ""},
			{"a second line", "load.off\nINSTCMD ups load.on", ""},
			{"a quote", `load.off"`, ""},
			{"a long name", strings.Repeat("load.off", 20), ""},
			{"a second line in the argument", "load.off", "1\nINSTCMD ups load.on"},
			{"a carriage return in the argument", "load.off", "1\r"},
			{"a NUL in the argument", "load.off", "\x00"},
			{"no UTF-8 in the argument", "load.off", "\xff"},
			{"a long argument", "load.off", strings.Repeat("1", 65)},
		} {
			o, err := c.InstantCommand(t.Context(), r.command, r.argument, nil)
			gives(t, o, err, ups.OutcomeNotSent)
		}
		anonymous, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups", Dial: n.Dial})
		if err != nil {
			t.Fatal(err)
		}
		o, err := anonymous.InstantCommand(t.Context(), "load.off", "", nil)
		gives(t, o, err, ups.OutcomeNotSent)
		if n.Connections() != 0 {
			t.Errorf("%v were sent", n.Requests())
		}
	})
}

func TestACommandEndsWithItsContext(t *testing.T) {
	gone := errors.New("not wanted any more")
	for on, want := range map[string]ups.Outcome{
		"USERNAME": ups.OutcomeNotSent, "SET": ups.OutcomeNotSent, "INSTCMD": ups.OutcomeUnknown, "GET": ups.OutcomeUnknown,
	} {
		in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
			n.Fault(bridgetest.NUTSilent, on)
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
			defer cancel()
			begin := time.Now()
			o, err := c.InstantCommand(ctx, "load.off", "", nil)
			gives(t, o, err, want)
			wrong(t, err, gone)
			if took := time.Since(begin); took != time.Second {
				t.Errorf("%s: took %v", on, took)
			}
		})
	}
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) { // between two looks at what came of it
		n.Pending(time.Hour)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 700*time.Millisecond, gone)
		defer cancel()
		o, err := c.InstantCommand(ctx, "load.off", "", nil)
		gives(t, o, err, ups.OutcomeUnknown)
		wrong(t, err, gone)
	})
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		o, err := c.InstantCommand(ctx, "load.off", "", nil)
		gives(t, o, err, ups.OutcomeNotSent)
		wrong(t, err, gone)
		synctest.Wait()
		if got := n.Commands(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// What couldn't be written wholly may have arrived, what couldn't be written at all not.
func TestACommandThatCantBeWritten(t *testing.T) {
	for written, want := range map[int]ups.Outcome{0: ups.OutcomeNotSent, 1: ups.OutcomeUnknown, 20: ups.OutcomeUnknown} {
		in(t, nil, func(t *testing.T, n *bridgetest.NUT, _ *ups.Client) {
			c := client(t, func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := n.Dial(ctx, network, address)
				return broken{conn, written}, err
			})
			o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
			gives(t, o, err, want)
			wrong(t, err, ups.ErrUnreachable)
		})
	}
}

// broken breaks when a command is written.
type broken struct {
	net.Conn
	written int // bytes that still went out
}

func (b broken) Write(p []byte) (int, error) {
	if !strings.HasPrefix(string(p), "INSTCMD") {
		return b.Conn.Write(p)
	}
	return b.written, errors.New("broken")
}
