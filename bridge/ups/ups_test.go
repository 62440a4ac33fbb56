package ups_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/ups"
)

// canary is a password that must never be seen, with all that needs quoting.
const canary = `canary "7" \ # = é`

// in runs a test in a bubble with a server whose user may give commands, and a client.
func in(t *testing.T, change func(*bridgetest.NUTConfig), test func(t *testing.T, n *bridgetest.NUT, c *ups.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		config := bridgetest.NUTConfig{User: "bridge", Password: canary}
		if change != nil {
			change(&config)
		}
		n := bridgetest.NewNUT(config)
		defer n.Close()
		test(t, n, client(t, n.Dial))
	})
}

// client is one that knows the password.
func client(t *testing.T, dial bridgetest.Dial) *ups.Client {
	t.Helper()
	c, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups", Username: "bridge", Password: canary, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wrong checks an error, and that it keeps the password to itself.
func wrong(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Errorf("the password is told: %v", err)
	}
}

// peer is a server of a few lines: it is given each request and the connection.
func peer(serve func(conn net.Conn, request string)) bridgetest.Dial {
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			buffer := make([]byte, 2048)
			for {
				n, err := far.Read(buffer)
				if err != nil {
					return
				}
				serve(far, string(buffer[:n]))
			}
		}()
		return near, nil
	}
}

func say(conn net.Conn, text string) { _, _ = conn.Write([]byte(text)) }

func TestStatusWords(t *testing.T) {
	for _, c := range []struct {
		name, status string
		mains        ups.Mains
		is           string // which of the questions below are answered yes
	}{
		{"on line", "OL", ups.OnLine, ""},
		{"on battery", "OB", ups.OnBattery, ""},
		{"low battery", "OB LB", ups.OnBattery, "low"},
		{"in any order, with others between", "RB DISCHRG LB OB", ups.OnBattery, "low replace"},
		{"in lower case", "ob lb", ups.OnBattery, "low"},
		{"forced shutdown on line", "OL CHRG FSD", ups.OnLine, "forced"},
		{"forced shutdown and nothing else is unknown", "FSD", ups.MainsUnknown, "forced"},
		{"calibration on battery", "OB CAL DISCHRG", ups.OnBattery, "calibrating"},
		{"calibration on line", "CAL OL", ups.OnLine, "calibrating"},
		{"calibration alone is unknown", "CAL DISCHRG", ups.MainsUnknown, "calibrating"},
		{"both is unknown", "OL OB", ups.MainsUnknown, ""},
		{"both is unknown, with low battery too", "OB LB OL", ups.MainsUnknown, "low"},
		{"neither is unknown", "CHRG", ups.MainsUnknown, ""},
		{"discharging alone is unknown", "DISCHRG", ups.MainsUnknown, ""},
		{"blanks are unknown", " ", ups.MainsUnknown, ""},
		{"off says nothing of mains", "OFF", ups.MainsUnknown, "off"},
		{"off with mains", "OL OFF", ups.OnLine, "off"},
		{"off without mains", "OFF OB", ups.OnBattery, "off"},
		{"bypass says nothing of mains", "BYPASS", ups.MainsUnknown, ""},
		{"bypass with mains", "OL BYPASS", ups.OnLine, ""},
		{"trim says nothing of mains", "TRIM", ups.MainsUnknown, ""},
		{"boost says nothing of mains", "BOOST", ups.MainsUnknown, ""},
		{"a word that only begins like one is another one", "OLD OBX LBS", ups.MainsUnknown, ""},
		{"unknown words are kept", "OL ALARM X-9 OVER", ups.OnLine, ""},
		{"twice is once", "OL OL", ups.OnLine, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, client *ups.Client) {
				n.Status(c.status)
				r, err := client.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var is []string
				for _, q := range []struct {
					name   string
					answer bool
				}{
					{"low", r.LowBattery()}, {"forced", r.ForcedShutdown()}, {"calibrating", r.Calibrating()},
					{"replace", r.ReplaceBattery()}, {"off", r.OutputOff()},
				} {
					if q.answer {
						is = append(is, q.name)
					}
				}
				if r.Mains() != c.mains || strings.Join(is, " ") != c.is || !slices.Equal(r.Words, strings.Fields(c.status)) {
					t.Errorf("%q: %v, %v, words %q; want %v, %q", c.status, r.Mains(), is, r.Words, c.mains, c.is)
				}
			})
		})
	}
}

func TestChargeAndRuntime(t *testing.T) {
	unknown := func(s string) string { return "" }
	percent := func(s string) string { return s + " %" }
	seconds := func(s string) string { return s + " s" }
	for _, c := range []struct {
		name, text      string
		charge, runtime string // as written below
	}{
		{"whole", "55", percent("55"), seconds("55")},
		{"with zeros before", "007", percent("7"), seconds("7")},
		{"with a fraction", "99.5", percent("99.5"), seconds("99.5")},
		{"with blanks", " 42 ", percent("42"), seconds("42")},
		{"nothing left", "0", percent("0"), seconds("0")},
		{"full", "100.0", percent("100"), seconds("100")},
		{"more than full", "100.5", unknown("charge"), seconds("100.5")},
		{"a byte without a value", "255", unknown("charge"), seconds("255")},
		{"the longest runtime", "65534", unknown("charge"), seconds("65534")},
		{"16 bits without a value", "65535", unknown("charge"), unknown("runtime")},
		{"longer than a year", "1e9", unknown("charge"), unknown("runtime")},
		{"longer than a number", strings.Repeat("9", 400), unknown("charge"), unknown("runtime")},
		{"negative", "-1", unknown("charge"), unknown("runtime")},
		{"signed", "+5", unknown("charge"), unknown("runtime")},
		{"with a comma", "1,5", unknown("charge"), unknown("runtime")},
		{"with two points", "1.2.3", unknown("charge"), unknown("runtime")},
		{"a point", ".", unknown("charge"), unknown("runtime")},
		{"hexadecimal", "0x10", unknown("charge"), unknown("runtime")},
		{"no number", "NaN", unknown("charge"), unknown("runtime")},
		{"infinite", "Inf", unknown("charge"), unknown("runtime")},
		{"a word", "n/a", unknown("charge"), unknown("runtime")},
		{"empty", " ", unknown("charge"), unknown("runtime")},
		{"absent isn't zero", "", unknown("charge"), unknown("runtime")},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, client *ups.Client) {
				n.Set("battery.charge", c.text)
				n.Set("battery.runtime", c.text)
				r, err := client.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				charge, runtime := "", ""
				if r.Charge.Known {
					charge = fmt.Sprintf("%v %%", r.Charge.Value)
				}
				if r.Runtime.Known {
					runtime = fmt.Sprintf("%v s", r.Runtime.Value.Seconds())
				}
				if charge != c.charge || runtime != c.runtime || !r.Charge.Known && r.Charge.Value != 0 {
					t.Errorf("%q: charge %q, runtime %q; want %q, %q", c.text, charge, runtime, c.charge, c.runtime)
				}
			})
		})
	}
}

func TestAReadingHasTheMomentOfItsStatus(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Late(time.Second) // user, password, then the status
		begin := time.Now()
		r, err := c.Read(t.Context())
		if err != nil || r.At.Sub(begin) != 3*time.Second {
			t.Errorf("at %v, %v", r.At.Sub(begin), err)
		}
	})
}

// faults are what keeps a reading away.
var faults = []struct {
	name  string
	fault bridgetest.NUTFault
	want  error
	in    time.Duration // at most
}{
	{"server down", bridgetest.NUTDown, ups.ErrUnreachable, 0},
	{"host off the network", bridgetest.NUTUnplugged, ups.ErrUnreachable, 5 * time.Second},
	{"driver dead", bridgetest.NUTDriverDead, ups.ErrDriver, 0},
	{"data stale", bridgetest.NUTStale, ups.ErrStale, 0},
	{"unknown UPS", bridgetest.NUTUnknownUPS, ups.ErrUnknownUPS, 0},
	{"access denied", bridgetest.NUTDenied, ups.ErrDenied, 0},
	{"silent", bridgetest.NUTSilent, ups.ErrLate, 5 * time.Second},
	{"cut before the answer", bridgetest.NUTLost, ups.ErrUnreachable, 0},
	{"cut in the answer", bridgetest.NUTCut, ups.ErrUnreachable, 0},
	{"closes after each answer", bridgetest.NUTCloses, ups.ErrUnreachable, 0},
	{"two answers to one question", bridgetest.NUTTwice, ups.ErrNotNUT, 0},
	{"a line without an end", bridgetest.NUTEndlessLine, ups.ErrTooLong, 0},
	{"garbage", bridgetest.NUTGarbage, ups.ErrNotNUT, 0},
}

func TestWhatKeepsAReadingAwayIsToldApart(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				n.Fault(f.fault, "")
				begin := time.Now()
				r, err := c.Read(t.Context())
				wrong(t, err, f.want)
				for _, other := range faults {
					if !errors.Is(other.want, f.want) && errors.Is(err, other.want) {
						t.Errorf("%v is also %v", err, other.want)
					}
				}
				if took := time.Since(begin); took != f.in {
					t.Errorf("took %v, want %v", took, f.in)
				}
				if !r.At.IsZero() || r.Words != nil || r.Charge.Known || r.Runtime.Known {
					t.Errorf("a failure with a reading: %+v", r)
				}
			})
		})
	}
}

func TestTroubleInTheMiddleOfAReadingIsNoReading(t *testing.T) {
	for _, f := range faults {
		if f.fault == bridgetest.NUTDown || f.fault == bridgetest.NUTUnplugged {
			continue // these don't wait for a question
		}
		t.Run(f.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				n.Fault(f.fault, "GET VAR ups battery.charge")
				r, err := c.Read(t.Context())
				wrong(t, err, f.want)
				if !r.At.IsZero() || r.Words != nil {
					t.Errorf("a failure with a reading: %+v", r)
				}
			})
		})
	}
}

func TestAnAnswerByteByByteIsAnAnswer(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Fault(bridgetest.NUTByteByByte, "")
		if r, err := c.Read(t.Context()); err != nil || r.Mains() != ups.OnLine || r.Charge.Value != 100 || r.Runtime.Value != 30*time.Minute {
			t.Errorf("%+v, %v", r, err)
		}
		if names, err := c.Commands(t.Context()); err != nil || len(names) != 4 {
			t.Errorf("%v, %v", names, err)
		}
	})
}

func TestTheNamesOfAllUPSes(t *testing.T) {
	in(t, func(c *bridgetest.NUTConfig) { c.UPS = "rack" }, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		_, err := c.Read(t.Context())
		wrong(t, err, ups.ErrUnknownUPS)
		if names, err := c.Names(t.Context()); err != nil || !slices.Equal(names, []string{"rack"}) {
			t.Errorf("%q, %v", names, err)
		}
		for fault, want := range map[bridgetest.NUTFault]error{bridgetest.NUTGarbage: ups.ErrNotNUT, bridgetest.NUTSilent: ups.ErrLate,
			bridgetest.NUTEndlessList: ups.ErrTooLong, bridgetest.NUTDenied: ups.ErrDenied, bridgetest.NUTCut: ups.ErrUnreachable} {
			n.Fault(fault, "LIST UPS")
			names, err := c.Names(t.Context())
			wrong(t, err, want)
			if names != nil {
				t.Errorf("%v: %q", want, names)
			}
		}
		n.Fault(bridgetest.NUTDown, "")
		_, err = c.Names(t.Context())
		wrong(t, err, ups.ErrUnreachable)
	})
}

func TestNamesThatCanBeNoneAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, peer(func(conn net.Conn, request string) {
			if !strings.HasPrefix(request, "LIST") {
				say(conn, "OK\n")
				return
			}
			say(conn, "BEGIN LIST UPS\nUPS rack \"\"\nUPS \"two words\" \"\"\nUPS \"\" \"\"\nUPS \"canary \\\"7\\\" \\\\ # = é\" x\nEND LIST UPS\n")
		}))
		if names, err := c.Names(t.Context()); err != nil || !slices.Equal(names, []string{"rack"}) {
			t.Errorf("%q, %v", names, err)
		}
	})
}

func TestAnAnswerHasFiveSeconds(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Late(4900 * time.Millisecond)
		if _, err := c.Read(t.Context()); err != nil {
			t.Error(err)
		}
		n.Late(5100 * time.Millisecond)
		_, err := c.Read(t.Context())
		wrong(t, err, ups.ErrLate)
	})
}

// An answer that comes a little at a time has the same 5 s, for all of it.
func TestADrippingAnswerHasFiveSecondsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, peer(func(conn net.Conn, request string) {
			if !strings.HasPrefix(request, "GET") {
				say(conn, "OK\n")
				return
			}
			for _, b := range `VAR ups ups.status "OL"` {
				say(conn, string(b))
				time.Sleep(time.Second)
			}
		}))
		begin := time.Now()
		_, err := c.Read(t.Context())
		wrong(t, err, ups.ErrLate)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Minute)
	})
}

// unsigned is a client without a user name, of a server that tells only its status.
func unsigned(t *testing.T, status string) *ups.Client {
	c, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups", Dial: peer(func(conn net.Conn, request string) {
		if strings.Contains(request, "ups.status") {
			say(conn, status)
			return
		}
		say(conn, "ERR VAR-NOT-SUPPORTED with more\n")
	})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnswersThatAreNotNUTs(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         error
	}{
		{"a greeting", "220 mail.example.org ESMTP\n", ups.ErrNotNUT},
		{"an empty line", "\n", ups.ErrNotNUT},
		{"blanks", " \t \n", ups.ErrNotNUT},
		{"OK", "OK\n", ups.ErrNotNUT},
		{"another variable's", "VAR ups battery.charge \"OL\"\n", ups.ErrNotNUT},
		{"another kind of answer", "RW ups ups.status \"OL\"\n", ups.ErrNotNUT},
		{"another UPS's", "VAR rack ups.status \"OL\"\n", ups.ErrNotNUT},
		{"without a value", "VAR ups ups.status\n", ups.ErrNotNUT},
		{"with two values", "VAR ups ups.status \"OL\" \"OB\"\n", ups.ErrNotNUT},
		{"a value without quotes and with a blank", "VAR ups ups.status OB LB\n", ups.ErrNotNUT},
		{"a quote that isn't closed", "VAR ups ups.status \"OL\n", ups.ErrNotNUT},
		{"a quote that is closed too early", "VAR ups ups.status \"O\"L\n", ups.ErrNotNUT},
		{"a quote in a word", "VAR ups ups.status O\"L\n", ups.ErrNotNUT},
		{"a backslash at the end", "VAR ups ups.status OL\\\n", ups.ErrNotNUT},
		{"a NUL", "VAR ups ups.status \"OL\x00\"\n", ups.ErrNotNUT},
		{"a carriage return within", "VAR ups ups.status \"OL\rOB\"\n", ups.ErrNotNUT},
		{"no UTF-8", "VAR ups ups.status \"OL \xff\"\n", ups.ErrNotNUT},
		{"an error without a code", "ERR\n", ups.ErrNotNUT},
		{"an error whose code is none", "ERR what?\n", ups.ErrNotNUT},
		{"a list", "BEGIN LIST VAR ups\n", ups.ErrNotNUT},
		{"a line that is too long by one", "VAR ups ups.status \"" + strings.Repeat("A", ups.MaxLine-21) + "\"\n", ups.ErrTooLong},
		{"more than one line", "VAR ups ups.status \"OL\"\nVAR ups ups.status \"OB\"\n", ups.ErrNotNUT},
		{"an error, and more", "ERR DATA-STALE\nVAR ups ups.status \"OL\"\n", ups.ErrNotNUT},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := unsigned(t, c.answer).Read(t.Context())
				wrong(t, err, c.want)
				if err == nil {
					t.Errorf("%q became %+v", c.answer, r)
				}
			})
		})
	}
}

func TestAnswersInOtherForms(t *testing.T) {
	for _, c := range []struct{ name, status string }{
		{"with a carriage return", "VAR ups ups.status \"OL CHRG\"\r\n"},
		{"with the name in other letters", "VAR UPS ups.status \"OL CHRG\"\n"},
		{"with everything in quotes", "\"VAR\" \"ups\" \"ups.status\" \"OL CHRG\"\n"},
		{"with tabs", "VAR\tups\t ups.status\t\"OL\tCHRG\" \n"},
		{"with backslashes", "VAR ups ups.status \"\\OL \\CHRG\"\n"},
		{"with backslashes instead of quotes", "VAR ups ups.status OL\\ CHRG\n"},
		{"as long as a line may be", "VAR ups ups.status \"OL " + strings.Repeat(" ", ups.MaxLine-30) + " CHRG\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if r, err := unsigned(t, c.status).Read(t.Context()); err != nil || !slices.Equal(r.Words, []string{"OL", "CHRG"}) {
					t.Errorf("%+v, %v", r, err)
				}
			})
		})
	}
}

// A status that the UPS doesn't have is no empty status.
func TestAUPSWithoutStatus(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Status("")
		_, err := c.Read(t.Context())
		wrong(t, err, ups.ErrUnsupported)
	})
}

func TestARefusedLoginKeepsNoReadingAway(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Fault(bridgetest.NUTLoginRefused, "")
		if r, err := c.Read(t.Context()); err != nil || r.Mains() != ups.OnLine {
			t.Errorf("%+v, %v", r, err)
		}
		_, err := c.Commands(t.Context())
		wrong(t, err, ups.ErrDenied)
	})
}

// A server that wants a login, and ends the connection where it was refused.
func TestARefusedLoginIsTheReasonIfReadingsAreRefusedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, peer(func(conn net.Conn, request string) {
			switch {
			case strings.HasPrefix(request, "USERNAME"):
				say(conn, "OK\n")
			case strings.HasPrefix(request, "PASSWORD"):
				say(conn, "ERR INVALID-PASSWORD\n")
			default:
				_ = conn.Close()
			}
		}))
		_, err := c.Read(t.Context())
		wrong(t, err, ups.ErrDenied)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c.Watch(ctx, func(_ ups.Reading, err error) { wrong(t, err, ups.ErrDenied) })
	})
}

func TestThePasswordIsNotTold(t *testing.T) {
	for _, answer := range []string{"%s", "ERR %s", "ERR CANARY", "OK %s"} {
		synctest.Test(t, func(t *testing.T) {
			dial := peer(func(conn net.Conn, request string) {
				if strings.HasPrefix(request, "USERNAME") {
					say(conn, "OK\n")
					return
				}
				said := strings.TrimPrefix(request, "PASSWORD ")
				say(conn, strings.ReplaceAll(answer, "%s", said)+"\n")
			})
			c, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups", Username: "bridge", Password: "CANARY", Dial: dial})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = c.Read(t.Context()); err == nil || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%q: %v", answer, err)
			}
			if _, err = c.InstantCommand(t.Context(), "load.off", "", nil); err == nil || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%q: %v", answer, err)
			}
		})
	}
}

func TestWithoutAUserNameNobodySignsIn(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, _ *ups.Client) {
		c, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups", Dial: n.Dial})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(t.Context()); err != nil {
			t.Error(err)
		}
		for _, r := range n.Requests() {
			if !strings.HasPrefix(r.Line, "GET VAR ") {
				t.Errorf("asked %q", r.Line)
			}
		}
	})
}

func TestReadingsEndWithTheirContext(t *testing.T) {
	for _, f := range []bridgetest.NUTFault{bridgetest.NUTSilent, bridgetest.NUTUnplugged} {
		in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
			n.Fault(f, "")
			gone := errors.New("not wanted any more")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
			defer cancel()
			begin := time.Now()
			_, err := c.Read(ctx)
			wrong(t, err, gone)
			if took := time.Since(begin); took != time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestEachReadingClosesItsConnection(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		for _, f := range append(faults, faults[0]) {
			n.Fault(f.fault, "")
			_, _ = c.Read(t.Context())
			_, _ = c.Commands(t.Context())
			_, _ = c.InstantCommand(t.Context(), "load.off", "", nil)
			synctest.Wait()
			if got := n.Connected(); got != 0 {
				t.Errorf("%s: %d connections are left", f.name, got)
			}
		}
	})
}

func TestCommands(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		if names, err := c.Commands(t.Context()); err != nil || !slices.Equal(names, []string{"load.off", "load.on", "shutdown.return", "shutdown.stayoff"}) {
			t.Errorf("%q, %v", names, err)
		}
	})
	in(t, func(c *bridgetest.NUTConfig) { c.Commands = []string{} }, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		if names, err := c.Commands(t.Context()); err != nil || len(names) != 0 {
			t.Errorf("none: %q, %v", names, err)
		}
	})
	many := make([]string, ups.MaxCommands+1)
	for i := range many {
		many[i] = fmt.Sprintf("outlet.%d.load.off", i)
	}
	in(t, func(c *bridgetest.NUTConfig) { c.Commands = many[1:] }, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		if names, err := c.Commands(t.Context()); err != nil || len(names) != ups.MaxCommands {
			t.Errorf("as many as there may be: %d, %v", len(names), err)
		}
	})
	in(t, func(c *bridgetest.NUTConfig) { c.Commands = many }, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		names, err := c.Commands(t.Context())
		wrong(t, err, ups.ErrTooLong)
		if names != nil {
			t.Errorf("%d names with an error", len(names))
		}
	})
}

func TestCommandsThatAreNotListed(t *testing.T) {
	for _, f := range append(slices.Clone(faults[:len(faults)-1]), []struct {
		name  string
		fault bridgetest.NUTFault
		want  error
		in    time.Duration
	}{
		{"a list without an end", bridgetest.NUTEndlessList, ups.ErrTooLong, 0},
		{"a refused login", bridgetest.NUTLoginRefused, ups.ErrDenied, 0},
	}...) {
		t.Run(f.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				on := ""
				if f.fault == bridgetest.NUTEndlessList {
					on = "LIST"
				}
				n.Fault(f.fault, on)
				names, err := c.Commands(t.Context())
				wrong(t, err, f.want)
				if names != nil {
					t.Errorf("%q with an error", names)
				}
			})
		})
	}
}

func TestListsThatAreNotNUTs(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         error
	}{
		{"without a beginning", "CMD ups load.off\nEND LIST CMD ups\n", ups.ErrNotNUT},
		{"of variables", "BEGIN LIST VAR ups\nEND LIST VAR ups\n", ups.ErrNotNUT},
		{"of another UPS", "BEGIN LIST CMD rack\nEND LIST CMD rack\n", ups.ErrNotNUT},
		{"with another one's entry", "BEGIN LIST CMD ups\nCMD rack load.off\nEND LIST CMD ups\n", ups.ErrNotNUT},
		{"with two names in an entry", "BEGIN LIST CMD ups\nCMD ups load.off load.on\nEND LIST CMD ups\n", ups.ErrNotNUT},
		{"with another end", "BEGIN LIST CMD ups\nEND LIST CMD rack\n", ups.ErrNotNUT},
		{"with something behind", "BEGIN LIST CMD ups\nEND LIST CMD ups\nOK\n", ups.ErrNotNUT},
		{"with an error within", "BEGIN LIST CMD ups\nCMD ups load.off\nERR DATA-STALE\n", ups.ErrStale},
		{"without an end", "BEGIN LIST CMD ups\nCMD ups load.off\n", ups.ErrLate},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups", Dial: peer(func(conn net.Conn, _ string) { say(conn, c.answer) })})
				if err != nil {
					t.Fatal(err)
				}
				names, err := client.Commands(t.Context())
				wrong(t, err, c.want)
				if names != nil {
					t.Errorf("%q with an error", names)
				}
			})
		})
	}
}
