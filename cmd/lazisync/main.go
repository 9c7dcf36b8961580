// Command lazisync keeps a PostgreSQL copy of a ServiceTitan tenant fresh. Each file of this
// directory parses the command line of one command or of a few. The roles are in
// internal/app; what the other commands do and print is in internal/cli.
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
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/telemetry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs a command and returns its exit code.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environ: environ, out: cli.NewOutput(stdout, environ), err: stderr}
	root := newRoot(p)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var exit *cli.ExitError
	switch {
	case err == nil:
		return cli.ExitCompleted
	case !p.parsed:
		fmt.Fprintf(stderr, "lazisync: %v\nUsage: %s\n", err, usageLine(cmd))
		return cli.ExitUsage
	case errors.As(err, &exit):
		if exit.Message != "" {
			fmt.Fprintln(stderr, "lazisync: "+exit.Message)
		}
		return exit.Code
	}
	fmt.Fprintln(stderr, "lazisync:", err)
	return cli.ExitFailed
}

// usageLine returns the usage of a command or, for a group of commands, how to list them.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return fmt.Sprintf("%[1]s COMMAND (see %[1]s --help)", cmd.CommandPath())
	}
	return cmd.UseLine()
}

// program is what the commands share.
type program struct {
	environ  []string
	out, err io.Writer
	parsed   bool // the command line is valid, and the command runs
}

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:           "lazisync",
		Short:         "Keep a PostgreSQL copy of a ServiceTitan tenant up to date",
		Version:       fmt.Sprintf("%s (%s, %s/%s)", telemetry.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH),
		SilenceUsage:  true,
		SilenceErrors: true,

		PersistentPreRun: func(*cobra.Command, []string) { p.parsed = true },
	}
	root.SetVersionTemplate("lazisync {{.Version}}\n")
	root.AddCommand(
		p.role(app.ServeRole, "Run all four roles in one process"),
		p.role(app.BridgeRole, "Consume commands, start workflows, reconcile after crashes"),
		p.role(app.WorkerRole, "Run workflows and activities"),
		p.role(app.NotifierRole, "Post outcomes to Slack"),
		p.role(app.GatewayRole, "Serve webhooks, the REST API and the web page"),
		p.migrate(), p.request(), p.verify(), p.plan(),
		p.control("pause", "Pause a run until it is resumed"),
		p.control("resume", "Resume a paused run"),
		p.control("cancel", "Cancel a run; stored records remain"),
		p.status(), p.runs(), p.events(), p.doctor(), p.schedules(), p.deadletter(), p.erase(), p.config(), p.entities(), p.simulator(), p.healthcheck(),
		&cobra.Command{Use: "exit-codes", Short: "Exit codes of all commands", Long: cli.ExitCodesHelp()},
	)
	return root
}

// group returns a command that only has subcommands. Without one it prints its help. A
// misspelt one is an error, which cobra would answer with the help, too.
func group(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(subcommands...)
	return cmd
}

// load reads the configuration that a role needs.
func (p *program) load(role app.Role) (*config.Config, error) {
	cfg, err := app.Load(p.environ, role)
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return cfg, nil
}
