package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/config"
)

func (c *cli) schedules() *cobra.Command {
	return group("schedules", "List, pause, resume and trigger scheduled syncs",
		c.schedulesList(),
		c.schedulesChange("pause", "Keep a schedule from asking for syncs", app.PauseSchedule),
		c.schedulesChange("resume", "Let a paused schedule go on", app.ResumeSchedule),
		c.schedulesTrigger(),
	)
}

func (c *cli) schedulesList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List the schedules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(app.ScheduleRole)
			if err != nil {
				return err
			}
			return app.ListSchedules(cmd.Context(), cfg, asJSON, c.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) schedulesChange(verb, short string, change func(ctx context.Context, cfg *config.Config, id, reason string, out io.Writer) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := c.load(app.ScheduleRole)
			if err != nil {
				return err
			}
			return change(cmd.Context(), cfg, a[0], reason, c.out)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for people")
	return cmd
}

func (c *cli) schedulesTrigger() *cobra.Command {
	return &cobra.Command{
		Use: "trigger ID", Short: "Ask for a schedule's sync now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := c.load(app.ScheduleRole)
			if err != nil {
				return err
			}
			return app.TriggerSchedule(cmd.Context(), cfg, a[0], c.out)
		},
	}
}
