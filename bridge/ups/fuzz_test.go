package ups_test

import (
	"context"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge/ups"
)

// reciter is a server that says the same whatever is asked: once, or over and over.
type reciter struct {
	net.Conn        // nil: nothing else is called
	text     string // what is still to be said
	again    string // said when that has ended; "": nothing
	piece    int    // bytes at a time
	silent   bool   // at the end it is silent; otherwise it closes
	heard    int    // bytes that were taken
	until    time.Time
	closed   bool
}

func (r *reciter) Read(p []byte) (int, error) {
	switch {
	case r.closed:
		return 0, net.ErrClosed
	case !time.Now().Before(r.until):
		return 0, os.ErrDeadlineExceeded
	case r.text == "":
		r.text = r.again
	}
	if r.text == "" && r.silent {
		time.Sleep(time.Until(r.until))
		return 0, os.ErrDeadlineExceeded
	}
	if r.text == "" {
		return 0, io.EOF
	}
	n := copy(p, r.text[:min(r.piece, len(r.text))])
	r.text = r.text[n:]
	r.heard += n
	return n, nil
}

func (r *reciter) Write(p []byte) (int, error)     { return len(p), nil }
func (r *reciter) SetDeadline(t time.Time) error   { r.until = t; return nil }
func (r *reciter) Close() error                    { r.closed = true; return nil }
func (r *reciter) SetReadDeadline(time.Time) error { panic("only Watch listens") }

// plainly takes away what only quotes.
var plainly = strings.NewReplacer(`"`, "", `\`, "", "\r", "")

// tells says whether a line is the answer with this value, however it is quoted.
func tells(line, name, value string) bool {
	words := strings.Fields(plainly.Replace(line))
	want := slices.Concat([]string{"VAR", "ups", name}, strings.Fields(plainly.Replace(value)))
	return slices.EqualFunc(words, want, strings.EqualFold)
}

// FuzzConversation lets a server say any bytes in any pieces, and over and over. Every
// call ends in its time with little taken, and gives only what was said in its place.
func FuzzConversation(f *testing.F) {
	reading := "VAR ups ups.status \"OL CHRG\"\nVAR ups battery.charge \"100\"\nVAR ups battery.runtime \"1800\"\n"
	list := "BEGIN LIST CMD ups\nCMD ups load.off\nCMD ups shutdown.return\nEND LIST CMD ups\n"
	for _, seed := range []string{
		reading, "OK\nOK\n" + reading, "OK\nERR INVALID-PASSWORD\n" + reading, list, "OK\nOK\n" + list, "ERR DATA-STALE\n", "\n", "",
		"VAR ups ups.status \"OB LB\"\r\nERR VAR-NOT-SUPPORTED\nERR VAR-NOT-SUPPORTED\n", "OK\nOK\nOK\nOK\n", "OK\nOK\nERR INVALID-ARGUMENT\nOK\n",
		"OK\nOK\nOK\nOK TRACKING 1\nPENDING\nPENDING\nSUCCESS\n", "OK\nOK\nOK\nOK TRACKING 1\nERR FAILED\n", "OK\nOK\nOK\nERR ACCESS-DENIED\n",
		"ERR X\n" + reading, "ERR ACCESS-DENIED\n" + list, "PENDING\n", "OK\n", "CMD ups load.off\n", "VAR ups ups.status \"OL\n\"", strings.Repeat("x", 2000), "VAR \"ups\" ups.status O\\L\n", "ERR \xff\n",
	} {
		for how := range byte(8) {
			f.Add(seed, how, uint8(len(seed)))
		}
	}
	f.Fuzz(func(t *testing.T, text string, how byte, piece uint8) {
		synctest.Test(t, func(t *testing.T) {
			signIn, again := how&1 != 0, how&2 != 0
			r := &reciter{}
			config := ups.Config{Address: "nas.example.org", UPS: "ups", Dial: func(context.Context, string, string) (net.Conn, error) {
				*r = reciter{text: text, piece: 1 + int(piece), silent: how&4 != 0}
				if again {
					r.again = text
				}
				return r, nil
			}}
			if signIn {
				config.Username, config.Password = "bridge", canary
			}
			c, err := ups.New(config)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(text, "\n")
			if again && text != "" {
				lines = strings.Split(strings.Repeat(text, 1+20/max(1, strings.Count(text, "\n"))), "\n")
			}
			at := func(i int) string { // an answer, without those to the login
				switch {
				case signIn && strings.HasPrefix(plainly.Replace(strings.TrimLeft(lines[0], " \t")), "ERR"):
					i++ // no password was sent
				case signIn:
					i += 2
				}
				if i >= len(lines)-1 {
					return "" // it has no end
				}
				return lines[i]
			}

			begin := time.Now()
			got, err := c.Read(t.Context())
			wrong(t, err, err)
			if r.heard > 5*ups.MaxLine || time.Since(begin) > 30*time.Second || !r.closed {
				t.Fatalf("%d bytes in %v, closed %v", r.heard, time.Since(begin), r.closed)
			}
			if err == nil {
				checkReading(t, got, at)
			} else if !got.At.IsZero() || got.Words != nil || got.Charge.Known || got.Runtime.Known {
				t.Fatalf("%+v with %v", got, err)
			}

			names, err := c.Commands(t.Context())
			wrong(t, err, err)
			if r.heard > (ups.MaxCommands+5)*ups.MaxLine || !r.closed || err != nil && names != nil || len(names) > ups.MaxCommands {
				t.Fatalf("%d bytes, %d names, closed %v, %v", r.heard, len(names), r.closed, err)
			}
			for _, name := range names {
				if !strings.Contains(plainly.Replace(text), plainly.Replace(name)) {
					t.Fatalf("%q was never said", name)
				}
			}

			begin = time.Now()
			o, err := c.InstantCommand(t.Context(), "load.off", "", nil)
			gives(t, o, err, o)
			if r.heard > 40*ups.MaxLine || time.Since(begin) > 15*time.Second || signIn && !r.closed {
				t.Fatalf("%d bytes in %v, closed %v", r.heard, time.Since(begin), r.closed)
			}
			switch answer := strings.Fields(plainly.Replace(at(1))); {
			case !signIn && o != ups.OutcomeNotSent:
				t.Fatalf("%v without a login", o)
			case o == ups.OutcomeDone && !slices.Equal(answer, []string{"OK"}) && (len(answer) < 2 || !strings.Contains(strings.ToUpper(plainly.Replace(text)), "SUCCESS")):
				t.Fatalf("done by %q", answer)
			}
		})
	})
}

// checkReading compares a reading with the first three answers.
func checkReading(t *testing.T, r ups.Reading, answer func(int) string) {
	if !tells(answer(0), "ups.status", strings.Join(r.Words, " ")) {
		t.Fatalf("%q became %q", answer(0), r.Words)
	}
	checkNumber(t, answer(1), "battery.charge", r.Charge.Known, r.Charge.Value, 100)
	checkNumber(t, answer(2), "battery.runtime", r.Runtime.Known, r.Runtime.Value.Seconds(), 65535)
}

func checkNumber(t *testing.T, answer, name string, known bool, value, highest float64) {
	words := strings.Fields(plainly.Replace(answer))
	if !known {
		return
	}
	said, err := strconv.ParseFloat(words[len(words)-1], 64)
	if len(words) != 4 || !strings.EqualFold(words[2], name) || err != nil || math.Abs(said-value) > 1e-6 || value < 0 || value > highest {
		t.Fatalf("%q became %v", answer, value)
	}
}
