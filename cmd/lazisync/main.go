// Command lazisync keeps a PostgreSQL copy of a ServiceTitan tenant fresh. Each file of
// this folder is one command; what they do is in internal/app, the only package of this
// module they import.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: tests call it with an environment and buffers of their own. It
// returns the exit code.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{environ: environ, out: stdout, err: stderr}
	root := newRoot(c)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var exit *app.ExitError
	switch {
	case err == nil:
		return app.ExitCompleted
	case !c.understood:
		fmt.Fprintf(stderr, "lazisync: %v\nUsage: %s\n", err, usageLine(cmd))
		return app.ExitUsage
	case errors.As(err, &exit):
		if exit.Message != "" {
			fmt.Fprintln(stderr, "lazisync: "+exit.Message)
		}
		return exit.Code
	}
	fmt.Fprintln(stderr, "lazisync:", err)
	return app.ExitFailed
}

// usageLine shows how to use a command; of one that only groups others, that there are some.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return fmt.Sprintf("%[1]s COMMAND, as %[1]s --help lists them", cmd.CommandPath())
	}
	return cmd.UseLine()
}

// cli is what the commands share.
type cli struct {
	environ    []string
	out, err   io.Writer
	understood bool // the command line is right, and a command runs
}

func newRoot(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:           "lazisync",
		Short:         "Keeps a PostgreSQL copy of a ServiceTitan tenant fresh",
		Version:       fmt.Sprintf("%s (%s, %s/%s)", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH),
		SilenceUsage:  true,
		SilenceErrors: true,

		PersistentPreRun: func(*cobra.Command, []string) { c.understood = true },
	}
	root.SetVersionTemplate("lazisync {{.Version}}\n")
	root.AddCommand(
		c.role(app.ServeRole, "Run all four roles in one process"),
		c.role(app.BridgeRole, "Turn events into workflows, answer them, mend what a crash left"),
		c.role(app.WorkerRole, "Run workflows and move pages"),
		c.role(app.NotifierRole, "Tell people of outcomes in Slack"),
		c.role(app.GatewayRole, "Take webhooks, offer REST and a web page"),
		c.migrate(), c.request(),
		c.control("pause", "Ask for no further page until resumed"),
		c.control("resume", "Go on with a paused run"),
		c.control("cancel", "End a run, keeping what is stored"),
		c.status(), c.doctor(), c.schedules(), c.deadletter(), c.config(), c.entities(), c.simulator(), c.healthcheck(),
	)
	return root
}

// group is a command that only has others below it. By itself it shows them; cobra would
// do so for a misspelt one, too, as if nothing were wrong.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(below...)
	return cmd
}

// load reads the configuration a role needs.
func (c *cli) load(role app.Role) (*config.Config, error) {
	cfg, err := app.Load(c.environ, role)
	if err != nil {
		return nil, wrongUsage(err)
	}
	return cfg, nil
}

func wrongUsage(err error) error { return &app.ExitError{Code: app.ExitUsage, Message: err.Error()} }
