package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) schedules() *cobra.Command {
	return group("schedules", "List, pause, resume and trigger scheduled syncs",
		p.schedulesList(),
		p.schedulesChange("pause", "Pause a schedule until it is resumed", cli.PauseSchedule),
		p.schedulesChange("resume", "Resume a paused schedule", cli.ResumeSchedule),
		p.schedulesTrigger(),
	)
}

func (p *program) schedulesList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List the schedules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.load(app.ScheduleRole)
			if err != nil {
				return err
			}
			return cli.ListSchedules(cmd.Context(), commands.Backends(cfg), asJSON, p.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) schedulesChange(verb, short string, change func(ctx context.Context, b cli.Backends, id, reason string, out io.Writer) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeSchedules,
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := p.load(app.ScheduleRole)
			if err != nil {
				return err
			}
			return change(cmd.Context(), commands.Backends(cfg), a[0], reason, p.out)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "reason, shown with the schedule")
	return cmd
}

func (p *program) schedulesTrigger() *cobra.Command {
	return &cobra.Command{
		Use: "trigger ID", Short: "Start the sync of a schedule now", Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeSchedules,
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := p.load(app.ScheduleRole)
			if err != nil {
				return err
			}
			return cli.TriggerSchedule(cmd.Context(), commands.Backends(cfg), a[0], p.out)
		},
	}
}
