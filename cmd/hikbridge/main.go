// Command hikbridge connects Hikvision recorders and their cameras with Home
// Assistant over MQTT. It is configured by environment variables alone, the same
// in Docker, systemd and a shell; "hikbridge help" lists them.
//
//	hikbridge                  works until SIGTERM or Ctrl-C; a second one ends it at once
//	hikbridge check [--json]   tries configuration, broker, mains and recorders, changes nothing on them
//	hikbridge purge NAME       forgets a recorder and clears its topics
//	hikbridge healthcheck      says by its exit code whether the process works
//	hikbridge version
//
// What is in this package: variables.go says which variables there are,
// environment.go and the files named for their parts read and judge what a
// person wrote, program.go carries out the subcommands, report.go prints what
// check found. What can be wrong is said of all variables at once, by name, and
// without the value: it could be a secret.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // TZ works in an image without zones
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
