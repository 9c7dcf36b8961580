package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) doctor() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check every connection, permission, stream, table and schedule",
		Long: "Checks everything that a role depends on and prints a line for each check, with the fix where one is needed.\n" +
			"It changes nothing. It exits with 0, or with 1 if a check fails.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			role, ok := app.FindRole(name)
			if !ok {
				return cli.UsageError(fmt.Errorf("--role: got %q, want serve, bridge, worker, notifier or gateway", name))
			}
			cfg, err := p.load(app.ToolRole) // the doctor reports what the role lacks
			if err != nil {
				return err
			}
			return commands.Doctor(cmd.Context(), cfg, role.Role, asJSON, p.out)
		},
	}
	cmd.Flags().StringVar(&name, "role", app.ServeRole.Name, "role to check: serve, bridge, worker, notifier or gateway")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	complete(cmd, "role", []string{"serve", "bridge", "worker", "notifier", "gateway"})
	return cmd
}
