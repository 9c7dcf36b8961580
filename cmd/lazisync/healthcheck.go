package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
)

func (p *program) healthcheck() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck [ROLE]", Short: "Check that a role in the same container is ready, at ADMIN_ADDR or its default address",
		Args: cobra.MaximumNArgs(1), ValidArgs: []string{"serve", "bridge", "worker", "notifier", "gateway"},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			role := ""
			if len(args) > 0 {
				role = args[0]
			}
			return cli.Healthcheck(cmd.Context(), cfg, app.AdminAddrs(), role, p.out)
		},
	}
}
