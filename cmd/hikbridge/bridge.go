package main

import (
	"context"

	"hikbridge/bridge"
)

// calls are what the command needs of package bridge.
type calls struct {
	run     func(context.Context, bridge.Config) error
	check   func(context.Context, bridge.Config) bridge.Report
	purge   func(context.Context, bridge.Config, string) (bridge.PurgeReport, error)
	healthy func(stateDir string) error
}

func bridgeCalls() calls {
	return calls{run: runBridge, check: bridge.Check, purge: bridge.Purge, healthy: bridge.Healthy}
}

func runBridge(ctx context.Context, c bridge.Config) error {
	b, err := bridge.New(c)
	if err != nil {
		return err
	}
	return b.Run(ctx)
}
