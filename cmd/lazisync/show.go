package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) status() *cobra.Command {
	var o cli.StatusOptions
	cmd := &cobra.Command{
		Use: "status", Short: "Show runs, progress and freshness", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd, "tenant"); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.StatusRole)
			if err != nil {
				return err
			}
			return cli.Status(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	cmd.Flags().StringVar((*string)(&o.TenantID), "tenant", "", "only this tenant")
	cmd.Flags().BoolVar(&o.Watch, "watch", false, "refresh every second")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	p.completeTenants(cmd)
	return cmd
}

func (p *program) config() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "config", Short: "Show the effective configuration and the origin of each value", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			return cli.PrintConfig(cfg, asJSON, p.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) entities() *cobra.Command {
	var o cli.EntitiesOptions
	cmd := &cobra.Command{
		Use: "entities", Short: "List the entities that can be synced, or the fields that ServiceTitan has added", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd, "tenant"); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return cli.UsageError(err)
			}
			if !o.Drift {
				return cli.PrintEntities(o.JSON, p.out)
			}
			cfg, err := p.load(app.StatusRole)
			if err != nil {
				return err
			}
			return cli.PrintNewFields(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	cmd.Flags().BoolVar(&o.Drift, "drift", false, "list fields that records did not have at first, with when and in which run each was first seen")
	cmd.Flags().StringVar((*string)(&o.TenantID), "tenant", "", "with --drift: only this tenant")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	p.completeTenants(cmd)
	return cmd
}

// simulator is the former command of the simulator. It fails and names the program that the simulator is now.
func (p *program) simulator() *cobra.Command {
	return &cobra.Command{
		Use: "simulator", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return cli.UsageError(errors.New("the simulator is a program of its own: run servicetitan-simulator (go run ./cmd/servicetitan-simulator)"))
		},
	}
}
