package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) status() *cobra.Command {
	var o app.StatusOptions
	cmd := &cobra.Command{
		Use: "status", Short: "Show runs, progress and freshness", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd, "tenant"); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return wrongUsage(err)
			}
			cfg, err := c.load(app.StatusRole)
			if err != nil {
				return err
			}
			return app.Status(cmd.Context(), cfg, o, c.out)
		},
	}
	cmd.Flags().StringVar(&o.TenantID, "tenant", "", "of this tenant alone")
	cmd.Flags().BoolVar(&o.Watch, "watch", false, "show it again every second")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) config() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "config", Short: "Show the effective configuration and where it came from", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			return app.PrintConfig(cfg, asJSON, c.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) entities() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "entities", Short: "List what can be synced", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return app.PrintEntities(asJSON, c.out) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// simulator tells callers of the former command where the simulator is now.
func (c *cli) simulator() *cobra.Command {
	return &cobra.Command{
		Use: "simulator", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return wrongUsage(errors.New("the simulator is a program of its own: run servicetitan-simulator (go run ./cmd/servicetitan-simulator)"))
		},
	}
}
