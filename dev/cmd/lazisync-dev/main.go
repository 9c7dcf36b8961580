// Command lazisync-dev runs lazisync for development: all four roles and each server that is not
// configured (PostgreSQL, NATS, Temporal, a simulated ServiceTitan, a fake Slack) in one
// process. Its demo shows that a full sync copies every record.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process immediately; PostgreSQL then stops on its own.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	root := newRoot(&setup{environ: environ, out: stdout})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var exit *cli.ExitError
	switch {
	case err == nil:
		return cli.ExitCompleted
	case errors.As(err, &exit):
		if exit.Message != "" {
			fmt.Fprintln(stderr, "lazisync-dev: "+exit.Message)
		}
		return exit.Code
	}
	fmt.Fprintln(stderr, "lazisync-dev:", err)
	return cli.ExitFailed
}

// setup has the options and streams that all commands share.
type setup struct {
	environ []string
	out     io.Writer
	dir     string // data folder; default usualDir
	free    bool   // use free ports instead of the default ones
}

// The data folders. The demo has its own and empties it at each start, so that it does not
// delete the data of a developer.
const usualDir = ".lazisync"

var demoDir = filepath.Join(usualDir, "demo")

func newRoot(c *setup) *cobra.Command {
	root := &cobra.Command{
		Use:           "lazisync-dev",
		Short:         "Runs lazisync with everything it needs, for development",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.UsageError(err) })
	root.PersistentFlags().StringVar(&c.dir, "dir", "", "data folder (default "+usualDir+", for the demo "+demoDir+")")
	up, demo := c.up(), c.demo()
	for _, cmd := range []*cobra.Command{up, demo} {
		cmd.Flags().BoolVar(&c.free, "free-ports", false, "use any free ports rather than the usual ones")
	}
	root.AddCommand(up, demo, c.stop(), c.env(), c.psql())
	return root
}

// noArguments is cobra.NoArgs with the exit code of a usage error.
func noArguments(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return cli.UsageError(err)
	}
	return nil
}
