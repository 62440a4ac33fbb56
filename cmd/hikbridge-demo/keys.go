package main

import (
	"bufio"
	"context"
	"io"
	"sync"
)

// key is what a letter does.
type key struct {
	letter byte
	text   string
	acts   bool // it takes part, so that the story ends
	press  func(d *demo) error
}

const quit = 'q'

// keys are all but quit, in the order in which they are shown.
func keys() []key {
	button := func(action string) func(*demo) error {
		return func(d *demo) error { return d.broker.press(d.chosen.name, action) }
	}
	choose := func(p func(*demo) *place) func(*demo) error {
		return func(d *demo) error {
			d.chosen = p(d)
			d.teller.line("demo", "The keys are about the "+d.chosen.name+" now.")
			return nil
		}
	}
	return []key{
		{'s', "Shut down", true, button("shutdown")},
		{'y', "Power cycle", true, button("power_cycle")},
		{'o', "Power on", true, button("power_on")},
		{'c', "Cancel", true, button("cancel")},
		{'r', "the recorder only says OK to a shutdown, or obeys again", true, (*demo).turn},
		{'p', "pull its cord, or put it in again", true, (*demo).pull},
		{'m', "mains off, or on again", true, (*demo).mains},
		{'l', "low battery", true, (*demo).drain},
		{'b', "all this for the barn", false, choose(func(d *demo) *place { return d.barn })},
		{'g', "for the garage again", false, choose(func(d *demo) *place { return d.garage })},
		{'j', "log books", false, (*demo).printLogBooks},
	}
}

// keysText lists them.
func keysText() string {
	text := "(each with Enter) "
	for _, k := range keys() {
		text += string(k.letter) + " " + k.text + "; "
	}
	return text + string(quit) + " quit."
}

// turn changes how the chosen recorder takes the next shutdown.
func (d *demo) turn() error {
	if d.chosen.turn() {
		d.teller.line("demo", "The recorder of the "+d.chosen.name+" will say OK to a shutdown and stay on.")
		return nil
	}
	d.teller.line("demo", "The recorder of the "+d.chosen.name+" will obey a shutdown.")
	return nil
}

// pull pulls the chosen recorder's cord, or puts it in again.
func (d *demo) pull() error {
	if d.chosen.pull() {
		d.teller.line("demo", "The cord of the "+d.chosen.name+"'s recorder is in again.")
		return nil
	}
	d.teller.line("demo", "Somebody pulls the cord of the "+d.chosen.name+"'s recorder out of its plug.")
	return nil
}

// mains lets mains go, or come back.
func (d *demo) mains() error {
	if d.ups.toggle() {
		d.teller.line("demo", "Mains is there again. The UPS says so when it is asked next.")
		return nil
	}
	d.teller.line("demo", "Mains is gone: the UPS feeds both from its battery, and says so when it is asked next.")
	return nil
}

// drain lets the battery get low.
func (d *demo) drain() error {
	if d.ups.drain() {
		d.teller.line("demo", "The battery of the UPS is low, and charges: that matters when mains is gone.")
		return nil
	}
	d.teller.line("demo", "The battery of the UPS is low.")
	return nil
}

// readKeys gives what is typed, without blanks; it is closed at the end of input,
// which comes at once where there is nobody to type. A read that waits for input
// outlives ctx.
func readKeys(ctx context.Context, in io.Reader) <-chan byte {
	typed := make(chan byte)
	go func() {
		defer close(typed)
		for r := bufio.NewReader(in); ; {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			if b <= ' ' {
				continue
			}
			select {
			case typed <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	return typed
}

// direct plays the story, and leaves the stage to who presses a key. It returns
// when ctx ends, with q, at the end of input, and then not before the story's; a
// demo that stays doesn't end with its input.
func (d *demo) direct(ctx context.Context, typed <-chan byte, stay bool) error {
	var going sync.WaitGroup
	defer going.Wait()
	playing, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan error, 1)
	going.Go(func() { told <- d.tellStory(playing) })
	over := false
	for !over || typed != nil || stay {
		select {
		case <-ctx.Done():
			return nil
		case err := <-told:
			over = true
			if playing.Err() != nil {
				continue // somebody took over
			}
			if err != nil {
				return err
			}
			if typed != nil || stay {
				d.teller.block(row{"keys", keysText()})
				going.Go(func() { playScenes(playing, d.teller, d.garage.recorder, d.barn.recorder) })
			}
		case letter, ok := <-typed:
			switch {
			case !ok:
				typed = nil
			case letter == quit:
				return nil
			default:
				d.key(letter, stop)
			}
		}
	}
	return nil
}

// key does what a letter says. takeOver ends what plays by itself.
func (d *demo) key(letter byte, takeOver func()) {
	for _, k := range keys() {
		if k.letter != letter {
			continue
		}
		if k.acts && !d.taken {
			d.taken = true
			d.teller.line("demo", "You take part now: nothing happens by itself any more.")
			takeOver()
		}
		d.report(k.press(d))
		return
	}
	d.teller.block(row{"keys", keysText()})
}
