package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) runs() *cobra.Command {
	return group("runs", "List the runs of syncs, and show one from request to outcome", p.runsList(), p.runsShow())
}

func (p *program) runsList() *cobra.Command {
	var o cli.RunsOptions
	cmd := &cobra.Command{
		Use: "ls", Short: "List runs, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd, "tenant", "state", "mode", "entity"); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.StatusRole)
			if err != nil {
				return err
			}
			return cli.ListRuns(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	f := cmd.Flags()
	f.StringVar((*string)(&o.TenantID), "tenant", "", "only this tenant")
	f.StringVar((*string)(&o.State), "state", "", "only runs in this state, such as failed")
	f.StringVar((*string)(&o.Mode), "mode", "", "only this mode, such as full")
	f.StringVar(&o.Entity, "entity", "", "only runs of this entity")
	f.DurationVar(&o.Within, "since", 0, "only runs that began within this time, such as 24h")
	f.Int64Var(&o.Before, "before", 0, "only runs with a lower number")
	f.IntVar(&o.Limit, "limit", 20, "list at most this many")
	f.BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	for flag, values := range cli.RunFilterValues() {
		complete(cmd, flag, values)
	}
	p.completeTenants(cmd)
	return cmd
}

func (p *program) runsShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show RUN", Short: "Show one run: what requested it, its results, warnings and errors", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeRuns,
		RunE: func(cmd *cobra.Command, a []string) error {
			number, err := strconv.ParseInt(a[0], 10, 64)
			if err != nil || number < 1 {
				return cli.UsageError(fmt.Errorf("run: got %q, want a number from lazisync runs ls", a[0]))
			}
			cfg, err := p.load(app.StatusRole)
			if err != nil {
				return err
			}
			return cli.ShowRun(cmd.Context(), commands.Backends(cfg), number, asJSON, p.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
