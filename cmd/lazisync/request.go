package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) request() *cobra.Command {
	var o app.RequestOptions
	var noNotify bool
	var entities []string
	cmd := &cobra.Command{
		Use:       "request " + strings.Join(events.ModeNames(), "|"),
		Short:     "Publish sync.requested; with --wait, show it until it is decided",
		Long:      "Publishes sync.requested. With --wait it shows progress and exits with the outcome:\n0 completed, 1 failed, 3 cancelled, 4 rejected, 5 completed with entities skipped;\n130 where it was interrupted before.",
		ValidArgs: events.ModeNames(),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := refuseEmpty(cmd, "entities", "tenant", "channel", "id"); err != nil {
				return err
			}
			var err error
			if o.Entities, err = app.EntitiesOption(entities); err != nil {
				return wrongUsage(fmt.Errorf("--entities: %w", err))
			}
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			o.Mode = a[0]
			if noNotify {
				o.Notify = new(bool)
			}
			return app.Request(cmd.Context(), cfg, o, c.out)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&entities, "entities", nil, "what to sync, separated by commas; * for all (default: the configured set); a rebuild takes one")
	f.StringVar(&o.TenantID, "tenant", "", "needed only with several tenants")
	f.BoolVar(&noNotify, "no-notify", false, "tell nobody of the outcome")
	f.StringVar(&o.Channel, "channel", "", "Slack channel to tell")
	f.BoolVar(&o.AllowDeletes, "allow-deletes", false, "let a full sync or rebuild pass the delete guard")
	f.StringVar(&o.Reason, "reason", "", "for people")
	f.StringVar(&o.ID, "id", "", "event id; the same id asks for the same sync (default: random)")
	f.BoolVar(&o.Wait, "wait", false, "show progress until it is decided")
	f.BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	return cmd
}

// refuseEmpty refuses a flag with nothing in it: a variable that is not set, most likely,
// and what would be done without the flag is not what was meant.
func refuseEmpty(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		if f.Changed && (strings.Trim(f.Value.String(), " []\"") == "") {
			return wrongUsage(fmt.Errorf("--%s: got nothing, want a value: %s", name, f.Usage))
		}
	}
	return nil
}

func (c *cli) control(action, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: action + " ID", Short: short,
		Long: short + ". ID is a workflow ID, a request ID or, where only one request has it, the id of its event.", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := app.CheckControlID(a[0]); err != nil {
				return wrongUsage(fmt.Errorf("ID: %w", err))
			}
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			return app.Control(cmd.Context(), cfg, action, a[0], reason, c.out)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "for people")
	return cmd
}
