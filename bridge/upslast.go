package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/bridge/ups"
)

// checkCommandEvery is how often the UPS is asked for its commands until it has the one
// that it is to be told: its server may start late, or be set right. What it lacks is
// told when a second look agrees: a driver that starts has none for its first 2 s (NUT
// 2.8.0, dummy-ups).
const (
	checkCommandEvery = time.Minute
	checkCommandAgain = 10 * time.Second
)

// tellUPS gives the UPS the owner's command, if nothing speaks against it when that can
// leave: neither the rule nor any recorder.
func (o *outage) tellUPS(ctx context.Context) power.UPSDone {
	o.log.Warn("every recorder is proven off: the UPS is told to switch off", keyAction, o.cfg.Command)
	outcome, err := o.ups.InstantCommand(ctx, o.cfg.Command, "", func() bool {
		return o.wanted.Load() && !slices.ContainsFunc(o.keepers, func(k *keeper) bool { return !k.gate.stands() })
	})
	if err == nil {
		o.log.Info("the UPS was told to switch off", keyAction, o.cfg.Command)
		return power.UPSDone{Outcome: power.Done}
	}
	if errors.Is(err, ups.ErrWithheld) {
		o.log.Warn("the UPS isn't told to switch off", keyError, err)
		return power.UPSDone{Outcome: power.NotSent}
	}
	o.log.Error("the UPS couldn't be told to switch off", keyError, err)
	return power.UPSDone{Detail: err.Error(), Outcome: map[ups.Outcome]power.Outcome{ups.OutcomeUnknown: power.Unknown,
		ups.OutcomeNotSent: power.NotSent, ups.OutcomeRefused: power.Refused}[outcome]}
}

// checkCommand finds out whether the UPS has the command that it is to be told, until
// it has. A wrong password isn't found: most servers judge it by a command alone.
func (o *outage) checkCommand(ctx context.Context) {
	var told, seen string
	for {
		names, err := o.ups.Commands(ctx)
		text := told // as before, where it can't be asked
		switch {
		case err == nil && slices.Contains(names, o.cfg.Command):
			text = ""
		case err == nil:
			text = noCommand(o.cfg.Command, names)
		case errors.Is(err, ups.ErrDenied):
			text = err.Error()
		}
		again := checkCommandEvery
		switch {
		case text == told:
		case text == "" || text == seen:
			told = text
			o.mail.behind(lacking(text))
		default:
			again = checkCommandAgain
		}
		if err == nil && text == "" {
			return
		}
		seen = text
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// noCommand says that the UPS hasn't this command, and which of its own may switch its
// output.
func noCommand(command string, names []string) string {
	all := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return !strings.HasPrefix(n, "shutdown.") && !strings.HasPrefix(n, "load.")
	})
	if len(all) == 0 {
		all = []string{"none that switches its output"}
	}
	return fmt.Sprintf("the UPS has no command %s; it has %s", command, clip(strings.Join(all, ", ")))
}
