package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

// plan is a dry run of a request.
func (p *program) plan() *cobra.Command {
	var o cli.PlanOptions
	var entities []string
	cmd := &cobra.Command{
		Use:   "plan " + strings.Join(cli.PlanModes, "|"),
		Short: "Count what a sync would read and cost; request nothing",
		Long: "Asks ServiceTitan for the numbers of records, one call for each entity, and prints the calls and records of a sync, and\n" +
			"what the numbers do not tell. With DATABASE_URL it also compares them with the rows. It publishes and stores nothing.\n" +
			"It exits with 1 if an entity cannot be counted.",
		ValidArgs: cli.PlanModes,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := refuseEmpty(cmd, "entities", "tenant"); err != nil {
				return err
			}
			var err error
			if o.Entities, err = cli.SplitEntities(entities); err != nil {
				return cli.UsageError(fmt.Errorf("--entities: %w", err))
			}
			cfg, err := p.load(app.PlanRole)
			if err != nil {
				return err
			}
			o.Mode = events.Mode(a[0])
			return commands.Plan(cmd.Context(), cfg, o, p.out)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&entities, "entities", nil, "entities, separated by commas, or * for all (default: SYNC_ENTITIES)")
	f.StringVar(&o.TenantID, "tenant", "", "tenant ID; required if several tenants are configured")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	completeList(cmd, "entities", append(slices.Clone(cli.RunFilterValues()["entity"]), "*"))
	p.completeTenants(cmd)
	return cmd
}
