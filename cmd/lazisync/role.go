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
	return &cobra.Command{
		Use: "migrate", Short: "Declare streams and consumers, migrate the database", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(app.MigrateRole)
			if err != nil {
				return err
			}
			return app.Migrate(cmd.Context(), cfg, app.NewLogger(cfg, c.err), c.out)
		},
	}
}
