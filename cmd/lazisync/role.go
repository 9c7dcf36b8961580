package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/telemetry"
)

func (p *program) role(role app.Role, short string) *cobra.Command {
	return &cobra.Command{
		Use: role.Name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.load(role)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), cfg, role, telemetry.NewLogger(cfg.Log, p.err), nil)
		},
	}
}

func (p *program) migrate() *cobra.Command {
	var o cli.MigrateOptions
	cmd := &cobra.Command{
		Use: "migrate", Short: "Migrate the database, declare streams and consumers, apply schedules, create views", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.load(app.MigrateRole)
			if err != nil {
				return err
			}
			return commands.Migrate(cmd.Context(), cfg, o, telemetry.NewLogger(cfg.Log, p.err), p.out)
		},
	}
	cmd.Flags().BoolVar(&o.FinishAdoption, "finish-adoption", false, "finish the adoption of the legacy worker's tables: its statements fail from then on")
	cmd.Flags().BoolVar(&o.AcceptNamespace, "accept-namespace", false, "let the ledger belong to the configured Temporal namespace after the former one was lost; open runs end as failed")
	return cmd
}
