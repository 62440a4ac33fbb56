// Command hikbridge-demo shows hikbridge without a recorder, a broker or any
// setting: it runs the real bridge on a broker of its own and two simulated
// recorders with their plugs and their UPS, and tells in plain lines what happens: a
// story of two minutes in which one recorder is shut down, proven off, cut from power
// and brought back, and another one says OK and stays on; or one of four minutes in
// which mains is lost twice. Keys let whoever watches take part. Ctrl-C ends it and
// removes what it announced. Without anybody at the keys (its input has ended) it ends
// with the story: 0 if that came to its end, 1 if not.
//
//	hikbridge-demo                        broker on loopback, a free port
//	hikbridge-demo -story outage          mains is lost, and comes back in the middle
//	hikbridge-demo -listen 0.0.0.0:1883   so that a Home Assistant can join
//	hikbridge-demo -stay                  goes on without anybody at the keys
//	hikbridge-demo -recorder ADDR         one simulated recorder alone on ADDR
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0, 1 when something failed, 2 for wrong flags.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("hikbridge-demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o options
	name := flags.String("story", storyShutdown, "what happens by itself: "+storyShutdown+" or "+storyOutage)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "where the broker listens; 0.0.0.0:1883 lets a Home Assistant join")
	flags.BoolVar(&o.stay, "stay", false, "go on after the story although nobody is at the keys")
	recorder := flags.String("recorder", "", "run one simulated recorder alone on this `address` (user demo, password demo-password)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "hikbridge-demo: unexpected %q; see hikbridge-demo -h\n", flags.Arg(0))
		return 2
	}
	told, ok := storyNamed(*name)
	if !ok {
		fmt.Fprintf(stderr, "hikbridge-demo: there is no story %q; take %s or %s\n", *name, storyShutdown, storyOutage)
		return 2
	}
	o.story = told
	var err error
	if *recorder != "" {
		err = runRecorder(ctx, *recorder, stdout)
	} else {
		err = runDemo(ctx, o, stdin, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "hikbridge-demo:", err)
		return 1
	}
	return 0
}

// open listens on an address; its error says what to do.
func open(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is the port in use? take another one, or :0 for a free one", address, err)
	}
	return l, nil
}
