// Command servicetitan-simulator serves a simulated ServiceTitan API for demos and tests.
// docs/simulator.md describes what it simulates and how to inject faults.
//
// It imports only internal/simulator and is no part of the lazisync binary.
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

	"github.com/lazi/lazisync/internal/simulator"
)

// Exit codes, the same as those of lazisync.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run serves the API until ctx ends and returns the exit code. It prints the environment
// that points lazisync at the simulator to stdout.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("servicetitan-simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8099", "`address` to listen on")
	seed := flags.Int64("seed", 1, "`seed` of the generated records; the same seed generates the same records")
	records := flags.Int("records", 1000, "`number` of records per entity")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	fail := func(code int, err error) int {
		fmt.Fprintln(stderr, "servicetitan-simulator:", err)
		return code
	}
	if flags.NArg() > 0 {
		return fail(exitUsage, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if *records < 1 {
		return fail(exitUsage, fmt.Errorf("--records: got %d, want an integer of at least 1", *records))
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fail(exitUsage, fmt.Errorf("--addr: %w", err))
	}
	printEnvironment(stdout, listener.Addr())
	if err := simulator.New(simulator.Options{Seed: *seed, RecordsPerEntity: *records}).Serve(ctx, listener); err != nil {
		return fail(exitFailed, err)
	}
	return exitOK
}

func printEnvironment(out io.Writer, addr net.Addr) {
	fmt.Fprintf(out, "The ServiceTitan simulator is listening on %[1]s. To use it:\n\n"+
		"export SERVICETITAN_API_URL=http://%[1]s SERVICETITAN_AUTH_URL=http://%[1]s SERVICETITAN_TENANT_ID=%[2]d\n"+
		"export SERVICETITAN_CLIENT_ID=%[3]s SERVICETITAN_CLIENT_SECRET=%[4]s SERVICETITAN_APP_KEY=%[5]s\n",
		addr, int64(simulator.DefaultTenant), simulator.DefaultClientID, simulator.DefaultClientSecret, simulator.DefaultAppKey)
}
