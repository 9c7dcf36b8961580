package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) role(role app.Role, short string) *cobra.Command {
	return &cobra.Command{
		Use: role.Name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(role)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), cfg, role, app.NewLogger(cfg, c.err), nil)
		},
	}
}

func (c *cli) migrate() *cobra.Command {
	var finish, accept bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Migrate the database, declare streams and consumers, apply schedules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(app.MigrateRole)
			if err != nil {
				return err
			}
			log := app.NewLogger(cfg, c.err)
			if finish { // first: a second tenant may be configured already
				if err := app.FinishAdoption(cmd.Context(), cfg, log, c.out); err != nil {
					return err
				}
			}
			if accept {
				if err := app.AcceptNamespace(cmd.Context(), cfg, log, c.out); err != nil {
					return err
				}
			}
			return app.Migrate(cmd.Context(), cfg, log, c.out)
		},
	}
	cmd.Flags().BoolVar(&finish, "finish-adoption", false, "first finish the adoption of the legacy worker's tables: its statements fail from then on")
	cmd.Flags().BoolVar(&accept, "accept-namespace", false, "take the ledger over to the Temporal namespace that is configured, after the former one was lost; runs that are open end as failed")
	return cmd
}
