package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) doctor() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check every connection, permission, stream, table and schedule",
		Long: "Checks everything a role depends on, one line each, with the mend where one is needed. It changes nothing.\n" +
			"It exits with 0, or with 1 where something must be mended.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			role, ok := app.FindRole(name)
			if !ok {
				return wrongUsage(fmt.Errorf("--role: got %q, want serve, bridge, worker, notifier or gateway", name))
			}
			cfg, err := c.load(app.ToolRole) // what the role lacks is for the doctor to say
			if err != nil {
				return err
			}
			return app.Doctor(cmd.Context(), cfg, role, asJSON, c.out)
		},
	}
	cmd.Flags().StringVar(&name, "role", app.ServeRole.Name, "what to check for: serve, bridge, worker, notifier or gateway")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
