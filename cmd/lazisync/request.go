package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

const waitHelp = "With --wait it shows the progress and exits with the outcome:\n0 completed, 1 failed, 3 cancelled, 4 rejected, 5 completed with skipped entities,\n130 interrupted (see lazisync help exit-codes)."

func (p *program) request() *cobra.Command {
	cmd, o := p.requestCommand(&cobra.Command{
		Use:       "request " + strings.Join(events.ModeNames(), "|"),
		Short:     "Request a sync; with --wait, show its progress until the outcome",
		Long:      "Publishes sync.requested. " + waitHelp,
		ValidArgs: events.ModeNames(),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
	}, "; a rebuild and a refresh take one")
	p.refreshFlags(cmd, o)
	cmd.Flags().BoolVar(&o.AllowDeletes, "allow-deletes", false, "allow a full sync or rebuild to delete more rows than SYNC_DELETE_GUARD")
	return cmd
}

// refreshFlags adds the flags with which an incremental reads chosen records.
func (p *program) refreshFlags(cmd *cobra.Command, o *cli.RequestOptions) {
	var ids []string
	var since string
	cmd.Flags().StringArrayVar(&ids, "ids", nil, fmt.Sprintf("incremental: read only the records with these ids, separated by commas, at most %d", events.MaxRefreshIDs))
	cmd.Flags().StringVar(&since, "since", "", "incremental: read only the records that changed since this time, such as 2026-02-11T16:00:00Z")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := refuseEmpty(cmd, "ids", "since"); err != nil {
			return err
		}
		if cmd.Flags().Changed("ids") {
			if o.IDs, err = events.SplitIDs(ids); err != nil {
				return cli.UsageError(fmt.Errorf("--ids: %w", err))
			}
		}
		if since == "" {
			return nil
		}
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			return cli.UsageError(fmt.Errorf("--since: got %q, want an RFC 3339 time such as 2026-02-11T16:00:00Z", since))
		}
		o.Since = &at
		return nil
	}
}

// verify is request verify under its own name.
func (p *program) verify() *cobra.Command {
	cmd, _ := p.requestCommand(&cobra.Command{
		Use:   string(events.Verify),
		Short: "Compare the tables with ServiceTitan; change nothing",
		Long: "The same as lazisync request verify: it publishes sync.requested. The run reads every record, and its\n" +
			"outcome has the differences of each entity. " + waitHelp + "\nDifferences do not change the exit code.",
		Args: cobra.NoArgs,
	}, "")
	return cmd
}

// requestCommand adds to a command what requests a sync of the mode that its argument or its name is.
func (p *program) requestCommand(cmd *cobra.Command, note string) (*cobra.Command, *cli.RequestOptions) {
	var o cli.RequestOptions
	var noNotify bool
	var entities []string
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if err := refuseEmpty(cmd, "entities", "tenant", "channel", "id"); err != nil {
			return err
		}
		var err error
		if o.Entities, err = cli.SplitEntities(entities); err != nil {
			return cli.UsageError(fmt.Errorf("--entities: %w", err))
		}
		cfg, err := p.load(app.ToolRole)
		if err != nil {
			return err
		}
		o.Mode = append(a, cmd.Name())[0]
		if noNotify {
			o.Notify = new(bool)
		}
		return cli.Request(cmd.Context(), commands.Backends(cfg), cfg, o, p.out)
	}
	f := cmd.Flags()
	f.StringArrayVar(&entities, "entities", nil, "entities, separated by commas, or * for all (default: SYNC_ENTITIES)"+note)
	f.StringVar(&o.TenantID, "tenant", "", "tenant ID; required if several tenants are configured")
	f.BoolVar(&noNotify, "no-notify", false, "send no notification of the outcome")
	f.StringVar(&o.Channel, "channel", "", "Slack channel to notify")
	f.StringVar(&o.Reason, "reason", "", "reason, shown with the run")
	f.StringVar(&o.ID, "id", "", "event id; the same id requests the same sync (default: random)")
	f.BoolVar(&o.Wait, "wait", false, "show progress until the outcome")
	f.BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	completeList(cmd, "entities", append(cli.RunFilterValues()["entity"], "*"))
	p.completeTenants(cmd)
	return cmd, &o
}

// refuseEmpty returns an error if one of the flags is set to an empty value. That is most
// likely an unset variable of a script, and the default of the flag is not meant.
func refuseEmpty(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		if f.Changed && (strings.Trim(f.Value.String(), " []\"") == "") {
			return cli.UsageError(fmt.Errorf("--%s: missing value (%s)", name, f.Usage))
		}
	}
	return nil
}

func (p *program) control(action, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: action + " ID", Short: short,
		Long: short + ". ID is a workflow ID, a request ID or, if only one request has it, the id of its event.\n" +
			"If DATABASE_URL is set, an ID with nothing to " + action + " is refused before anything is published.",
		Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeControlled,
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := cli.CheckControlID(a[0]); err != nil {
				return cli.UsageError(fmt.Errorf("ID: %w", err))
			}
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			return cli.Control(cmd.Context(), commands.Backends(cfg), action, a[0], reason, p.out)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "reason, shown with the run")
	return cmd
}
