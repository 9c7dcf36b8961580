package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
)

func (p *program) deadletter() *cobra.Command {
	return group("deadletter", "List, show and replay dead letters (rejected events)", p.deadletterList(), p.deadletterShow(), p.deadletterReplay())
}

func (p *program) deadletterList() *cobra.Command {
	var filter cli.DeadLetterFilter
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List dead letters", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := filter.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			return cli.ListDeadLetters(cmd.Context(), commands.Backends(cfg), filter, asJSON, p.out)
		},
	}
	filterFlags(cmd, &filter)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	return cmd
}

func (p *program) deadletterShow() *cobra.Command {
	return &cobra.Command{
		Use: "show SEQUENCE", Short: "Show one dead letter: its reason, headers and bytes", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			sequence, err := parseSequence(a[0])
			if err != nil {
				return err
			}
			return cli.ShowDeadLetter(cmd.Context(), commands.Backends(cfg), sequence, p.out)
		},
	}
}

func (p *program) deadletterReplay() *cobra.Command {
	var filter cli.DeadLetterFilter
	var all bool
	cmd := &cobra.Command{
		Use: "replay [SEQUENCE]", Short: "Publish dead letters again on their original subjects", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := filter.Check(); err != nil {
				return cli.UsageError(err)
			}
			cfg, err := p.load(app.ToolRole)
			if err != nil {
				return err
			}
			if some := all || filter != (cli.DeadLetterFilter{}); (len(a) == 1) == some {
				return cli.UsageError(errors.New("want a sequence, --class or --since to select some, or --all"))
			}
			var sequence uint64
			if len(a) == 1 {
				if sequence, err = parseSequence(a[0]); err != nil {
					return err
				}
			}
			return cli.ReplayDeadLetters(cmd.Context(), commands.Backends(cfg), sequence, filter, p.out)
		},
	}
	filterFlags(cmd, &filter)
	cmd.Flags().BoolVar(&all, "all", false, "all dead letters")
	return cmd
}

func filterFlags(cmd *cobra.Command, f *cli.DeadLetterFilter) {
	cmd.Flags().StringVar(&f.Class, "class", "", "only those with this code, such as invalidData")
	cmd.Flags().DurationVar(&f.Since, "since", 0, "only those that were rejected within this time, such as 24h")
}

func parseSequence(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, cli.UsageError(fmt.Errorf("sequence: got %q, want a number from lazisync deadletter ls", text))
	}
	return n, nil
}
