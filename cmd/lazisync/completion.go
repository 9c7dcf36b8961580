package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

// completionTimeout bounds what a completion reads: a shell waits for it.
const completionTimeout = 2 * time.Second

// complete makes the shell complete the values of a flag.
func complete(cmd *cobra.Command, flag string, values []string) {
	// It fails only if the flag does not exist or has completions already.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeList makes the shell complete the last of several values separated by commas.
func completeList(cmd *cobra.Command, flag string, values []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		before := text[:strings.LastIndex(text, ",")+1]
		var completed []string
		for _, value := range values {
			if !slices.Contains(strings.Split(before, ","), value) {
				completed = append(completed, before+value)
			}
		}
		return completed, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

// completeTenants makes the shell complete --tenant with the configured tenants.
func (p *program) completeTenants(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("tenant", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		cfg, err := app.Load(p.environ, app.ToolRole)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var ids []string
		for _, id := range cfg.TenantIDs() {
			ids = append(ids, string(id))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeRuns completes the number of a run with the latest runs.
func (p *program) completeRuns(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return p.completeFrom(cmd, args, app.StatusRole, cli.CompleteRuns)
}

// completeControlled completes what can be paused, resumed or cancelled: the workflows of open runs.
func (p *program) completeControlled(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return p.completeFrom(cmd, args, app.StatusRole, cli.CompleteOpenWorkflows)
}

// completeSchedules completes the ID of a schedule.
func (p *program) completeSchedules(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := app.Load(p.environ, app.ScheduleRole)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return commands.ScheduleIDs(cfg), cobra.ShellCompDirectiveNoFileComp
}

// completeFrom completes an argument with what a function reads. Errors complete nothing, since a
// message would end up in the command line.
func (p *program) completeFrom(
	cmd *cobra.Command, args []string, role app.Role, read func(context.Context, cli.Backends) ([]string, error),
) ([]string, cobra.ShellCompDirective) {
	cfg, err := app.Load(p.environ, role)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, stop := context.WithTimeout(cmd.Context(), completionTimeout)
	defer stop()
	values, err := read(ctx, commands.Backends(cfg))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return values, cobra.ShellCompDirectiveNoFileComp
}
