package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/config"
)

func (p *program) deadletter() *cobra.Command {
	return group("deadletter", "List, show, replay and dismiss dead letters (rejected events)",
		p.deadletterList(), p.deadletterShow(), p.deadletterReplay(), p.deadletterDismiss())
}

func (p *program) deadletterList() *cobra.Command {
	var o cli.DeadLetterListOptions
	cmd := &cobra.Command{
		Use: "ls", Short: "List dead letters and what became of them", Args: cobra.NoArgs,
		Long: "Lists dead letters, oldest first. STATE is open, dismissed, or what became of a replay.\n" +
			"Dismissals and replays are read from the database, if DATABASE_URL is set.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			return cli.ListDeadLetters(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	filterFlags(cmd, &o.DeadLetterFilter)
	cmd.Flags().BoolVar(&o.Open, "open", false, "only those that are neither dismissed nor replayed")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	return cmd
}

func (p *program) deadletterShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show SEQUENCE", Short: "Show one dead letter: its reason, what became of it, headers and bytes", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			sequence, err := parseSequence(a[0])
			if err != nil {
				return err
			}
			return cli.ShowDeadLetter(cmd.Context(), commands.Backends(cfg), sequence, asJSON, p.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) deadletterReplay() *cobra.Command {
	var o cli.ReplayOptions
	var all bool
	cmd := &cobra.Command{
		Use: "replay [SEQUENCE]", Short: "Publish dead letters again on their original subjects, and show the answers", Args: cobra.MaximumNArgs(1),
		Long: "Publishes dead letters again on their original subjects, and shows the answer to each command.\n" +
			"It exits with 4 if a command is rejected again. --all, --code and --since select open dead letters.\n" +
			"Controls are left out, since an old pause would pause what runs now: replay them by sequence or\n" +
			"with --code unknownRun, finishedRun or ambiguous.",
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := p.selection(&o.DeadLetterSelection, all, a, app.ToolRole)
			if err != nil {
				return err
			}
			return cli.ReplayDeadLetters(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	filterFlags(cmd, &o.DeadLetterFilter)
	cmd.Flags().BoolVar(&all, "all", false, "all open dead letters but controls")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	return cmd
}

func (p *program) deadletterDismiss() *cobra.Command {
	var o cli.DismissOptions
	var all bool
	cmd := &cobra.Command{
		Use: "dismiss [SEQUENCE] --reason TEXT", Short: "Record that dead letters need no action", Args: cobra.MaximumNArgs(1),
		Long: "Records in the database that dead letters need no action, and why. They are still listed, with the\n" +
			"reason, but the metric, the alert and the doctor no longer count them. --all, --code and --since\n" +
			"select open dead letters.",
		RunE: func(cmd *cobra.Command, a []string) error {
			if o.Reason == "" {
				return cli.UsageError(errors.New("--reason: missing value, want why the dead letters need no action"))
			}
			cfg, err := p.selection(&o.DeadLetterSelection, all, a, app.StatusRole)
			if err != nil {
				return err
			}
			return cli.DismissDeadLetters(cmd.Context(), commands.Backends(cfg), o, p.out)
		},
	}
	filterFlags(cmd, &o.DeadLetterFilter)
	cmd.Flags().BoolVar(&all, "all", false, "all open dead letters")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why they need no action (required)")
	return cmd
}

// selection parses which dead letters are meant, and loads the configuration.
func (p *program) selection(s *cli.DeadLetterSelection, all bool, args []string, role app.Role) (*config.Config, error) {
	if err := s.Check(); err != nil {
		return nil, cli.UsageError(err)
	}
	if isFilter := all || s.DeadLetterFilter != (cli.DeadLetterFilter{}); (len(args) == 1) == isFilter {
		return nil, cli.UsageError(errors.New("want a sequence, --code or --since to select some, or --all"))
	}
	if len(args) == 1 {
		sequence, err := parseSequence(args[0])
		if err != nil {
			return nil, err
		}
		s.Sequence = sequence
	}
	return p.load(role)
}

func filterFlags(cmd *cobra.Command, f *cli.DeadLetterFilter) {
	cmd.Flags().StringVar(&f.Code, "code", "", "only those with this code, such as invalidData")
	cmd.Flags().StringVar(&f.Code, "class", "", "former name of --code")
	_ = cmd.Flags().MarkHidden("class") // it fails only if the flag does not exist
	cmd.Flags().DurationVar(&f.Since, "since", 0, "only those that were rejected within this time, such as 24h")
	complete(cmd, "code", cli.RejectCodeNames())
}

func parseSequence(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, cli.UsageError(fmt.Errorf("sequence: got %q, want a number from lazisync deadletter ls", text))
	}
	return n, nil
}
