package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) healthcheck() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck [ROLE]", Short: "Ask a role whether it is ready, at ADMIN_ADDR or where it listens by default; for containers",
		Args: cobra.MaximumNArgs(1), ValidArgs: []string{"serve", "bridge", "worker", "notifier", "gateway"},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			role := ""
			if len(args) > 0 {
				role = args[0]
			}
			return app.Healthcheck(cmd.Context(), cfg, role, c.out)
		},
	}
}
