package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) events() *cobra.Command {
	return group("events", "Follow the events that lazisync publishes", p.eventsTail())
}

func (p *program) eventsTail() *cobra.Command {
	var o cli.TailOptions
	cmd := &cobra.Command{
		Use: "tail", Short: "Print events as they are published, one line each, until Ctrl-C", Args: cobra.NoArgs,
		Long: "Prints events as they are published, one line each, until it is interrupted. Progress is only printed\n" +
			"if --type names it. Answers have no tenant and no run: --tenant and --run leave them out.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd, "type", "tenant"); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			return cli.TailEvents(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.Types, "type", nil, "only these types, separated by commas, such as completed,failed (default: all but progress)")
	f.StringArrayVar(&o.Types, "subject", nil, "another name of --type")
	_ = f.MarkHidden("subject") // it fails only if the flag does not exist
	f.StringVar((*string)(&o.TenantID), "tenant", "", "only this tenant")
	f.Int64Var(&o.Run, "run", 0, "only the run with this number")
	f.DurationVar(&o.Since, "since", 0, "begin with the events of this time, such as 1h (default: new events)")
	f.BoolVar(&o.JSON, "json", false, "print CloudEvents, one a line")
	completeList(cmd, "type", cli.EventTypeNames())
	p.completeTenants(cmd)
	_ = cmd.RegisterFlagCompletionFunc("run", p.completeRuns) // likewise
	return cmd
}
