package main

import (
	"context"
	"runtime"

	"hikbridge/bridge"
)

// calls are what the command needs of package bridge.
type calls struct {
	run     func(context.Context, bridge.Config) error
	check   func(context.Context, bridge.Config) bridge.Report
	purge   func(context.Context, bridge.Config, string) (bridge.PurgeReport, error)
	healthy func(stateDir string) error
	logBook func(stateDir, recorder string) ([]bridge.Action, error)
}

func bridgeCalls() calls {
	return calls{run: runBridge, check: bridge.Check, purge: bridge.Purge, healthy: bridge.Healthy, logBook: bridge.LogBook}
}

// runBridge works on one processor: events are handed from goroutine to goroutine,
// and waking another processor each time costs more than all the work on them
// (TestMeasureEvents).
func runBridge(ctx context.Context, c bridge.Config) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b, err := bridge.New(c)
	if err != nil {
		return err
	}
	return b.Run(ctx)
}
