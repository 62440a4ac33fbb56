// Command world is what .ci/ha/run has around the bridge: a simulated recorder on
// a port and the simulated plug that feeds it. It belongs into a network namespace
// of its own, where an interface for the recorder alone goes down while the
// recorder is silent: an open or closed port on loopback would be a sign of life.
//
//	ip netns exec NAME world -link IFACE -recorder ADDR:PORT -broker ADDR:PORT
//
// It tells on standard output what happens, a line each, and takes orders on
// standard input: "plug on", "plug off" (by hand), "halt obeys", "halt ignored".
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("world: ")
	link := flag.String("link", "", "interface that goes down while the recorder is silent")
	address := flag.String("recorder", "", "where the recorder answers")
	broker := flag.String("broker", "", "where the plug finds the broker")
	watts := flag.Float64("halted", 0.4, "what the halted recorder draws")
	preset := flag.String("plug", bridgetest.Tasmota, "what kind of plug it is")
	flag.Parse()

	r := nvrtest.New(nvrtest.Config{Name: "Garage", Username: "demo", Password: "demo-password", Channels: 4,
		Boot: nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second}, Watts: nvrtest.Watts{Halted: *watts}})
	l, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(r.Serve(l)) }()
	var dialer net.Dialer
	p := bridgetest.NewPlug(dialer.DialContext, bridgetest.PlugConfig{
		Preset: *preset, Topic: "garage_plug", Meter: true, Every: 5 * time.Second, Addr: *broker,
		Load: r.Watts, OnSwitch: func(on bool) {
			if on {
				r.RestorePower()
			} else {
				r.CutPower()
			}
		},
	})
	go obey(r, p)
	watch(r, p, *link)
}

// watch lets the recorder's network follow its power, and tells what happens.
func watch(r *nvrtest.Recorder, p *bridgetest.Plug, link string) {
	state, stops, offs, ons := nvrtest.PowerRunning, 0, 0, 0
	for {
		if now := r.Power(); now != state {
			state = now
			fmt.Println(state)
			word := "down"
			if state == nvrtest.PowerRunning {
				word = "up"
			}
			if out, err := exec.Command("ip", "link", "set", link, word).CombinedOutput(); err != nil {
				log.Fatalf("set %s %s: %v: %s", link, word, err, out)
			}
		}
		for _, s := range r.Stops()[stops:] {
			stops++
			fmt.Printf("stopped %v clean=%v\n", s.Cause, s.Clean)
		}
		for range p.Offs()[offs:] {
			offs++
			fmt.Println("off arrived")
		}
		for range p.Ons()[ons:] {
			ons++
			fmt.Println("on arrived")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// obey carries out orders.
func obey(r *nvrtest.Recorder, p *bridgetest.Plug) {
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		switch orders.Text() {
		case "plug on":
			p.SwitchByHand(true)
		case "plug off":
			p.SwitchByHand(false)
		case "halt obeys":
			r.SetHalt(nvrtest.Halt{})
		case "halt ignored":
			r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
		default:
			log.Fatalf("no such order: %s", orders.Text())
		}
	}
}
