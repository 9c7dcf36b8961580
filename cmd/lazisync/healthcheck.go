package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) healthcheck() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the role at ADMIN_ADDR whether it is ready; for containers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			return app.Healthcheck(cmd.Context(), cfg, c.out)
		},
	}
}
