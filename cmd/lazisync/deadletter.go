package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/internal/app"
)

func (c *cli) deadletter() *cobra.Command {
	return group("deadletter", "List, show and replay rejected events", c.deadletterList(), c.deadletterShow(), c.deadletterReplay())
}

func (c *cli) deadletterList() *cobra.Command {
	var filter app.DeadLetterFilter
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List rejected events", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := filter.Check(); err != nil {
				return wrongUsage(err)
			}
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			return app.ListDeadLetters(cmd.Context(), cfg, filter, asJSON, c.out)
		},
	}
	filterFlags(cmd, &filter)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	return cmd
}

func (c *cli) deadletterShow() *cobra.Command {
	return &cobra.Command{
		Use: "show SEQUENCE", Short: "Show one rejected event as it came", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			sequence, err := parseSequence(a[0])
			if err != nil {
				return err
			}
			return app.ShowDeadLetter(cmd.Context(), cfg, sequence, c.out)
		},
	}
}

func (c *cli) deadletterReplay() *cobra.Command {
	var filter app.DeadLetterFilter
	var all bool
	cmd := &cobra.Command{
		Use: "replay [SEQUENCE]", Short: "Put rejected events back, to be judged afresh", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := filter.Check(); err != nil {
				return wrongUsage(err)
			}
			cfg, err := c.load(app.ToolRole)
			if err != nil {
				return err
			}
			if some := all || filter != (app.DeadLetterFilter{}); (len(a) == 1) == some {
				return wrongUsage(errors.New("want a sequence, or --class or --since to pick some, or --all"))
			}
			var sequence uint64
			if len(a) == 1 {
				if sequence, err = parseSequence(a[0]); err != nil {
					return err
				}
			}
			return app.ReplayDeadLetters(cmd.Context(), cfg, sequence, filter, c.out)
		},
	}
	filterFlags(cmd, &filter)
	cmd.Flags().BoolVar(&all, "all", false, "every rejected event")
	return cmd
}

func filterFlags(cmd *cobra.Command, f *app.DeadLetterFilter) {
	cmd.Flags().StringVar(&f.Class, "class", "", "only this code, such as invalidData")
	cmd.Flags().DurationVar(&f.Since, "since", 0, "only what was parked within this time, such as 24h")
}

func parseSequence(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, wrongUsage(fmt.Errorf("sequence: got %q, want the number that deadletter ls shows", text))
	}
	return n, nil
}
