package main

import (
	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) erase() *cobra.Command {
	var o cli.EraseOptions
	cmd := &cobra.Command{
		Use: "erase ENTITY ID", Short: "Show or erase what lazisync has of one record, such as a customer or an employee", Args: cobra.ExactArgs(2),
		Long: "Shows what lazisync has of one record and of the records that exist only for it, such as the contacts of a\n" +
			"customer: rows, changes, rejected records, messages of streams and ids in the ledger. With --yes it erases them.\n" +
			"It refuses that while a run reads one of the tables. A record that ServiceTitan still shows comes back with\n" +
			"the next sync: erase or anonymize it there first.",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return cli.RunFilterValues()["entity"], cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := refuseEmpty(cmd, "tenant"); err != nil {
				return err
			}
			o.Entity, o.ID = a[0], a[1]
			if err := o.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.StatusRole)
			if err != nil {
				return err
			}
			return commands.Erase(cmd.Context(), cfg, o, p.out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.TenantID, "tenant", "", "tenant ID; required if several tenants are configured")
	f.BoolVar(&o.Yes, "yes", false, "erase; without it, only show what would be erased")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	p.completeTenants(cmd)
	return cmd
}
