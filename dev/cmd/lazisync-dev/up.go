package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/simulator"
)

func (c *setup) up() *cobra.Command {
	var fresh bool
	var records int
	cmd := &cobra.Command{
		Use: "up", Short: "Start what is not configured, and lazisync, until Ctrl-C", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if records < 0 {
				return cli.UsageError(fmt.Errorf("--records: got %d, want a number above 0", records))
			}
			return c.runUp(cmd.Context(), stack.Options{
				Fresh: fresh, Environ: c.environ, FreePorts: c.free, Webhooks: true,
				Simulator: simulator.Options{RecordsPerEntity: records, Seed: 1},
			})
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "delete the data of earlier runs first")
	cmd.Flags().IntVar(&records, "records", 0, fmt.Sprintf("records of each entity in a new simulated ServiceTitan (default %d)", stack.DefaultRecords))
	return cmd
}

func (c *setup) runUp(ctx context.Context, o stack.Options) error {
	r, err := start(ctx, c.out, orDefault(c.dir, usualDir), o)
	if err != nil {
		return ignoreInterrupt(ctx, err)
	}
	fmt.Fprintf(c.out, "\nlazisync is up, after %.1f s.\n\n", r.startedAfter().Seconds())
	r.printLinks()
	r.printTry()
	fmt.Fprint(c.out, "\nCtrl-C stops everything.\n")
	return errors.Join(r.wait(ctx), r.stop())
}

// ignoreInterrupt returns nil if the user interrupted the program, else err.
func ignoreInterrupt(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func orDefault(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// printLinks prints the addresses.
func (r *running) printLinks() {
	for _, link := range r.links() {
		fmt.Fprintf(r.out, "  %-14s %s\n", link.Name, link.URL)
	}
	fmt.Fprintf(r.out, "  %-14s %s\n", "log", r.logPath)
}

// printTry suggests the first things to do. The lines work when they are pasted into a new shell, in
// order.
func (r *running) printTry() {
	fmt.Fprint(r.out, "\nTry, in another terminal in this folder:\n")
	for _, line := range r.tryLines() {
		fmt.Fprintf(r.out, "  %s\n", line)
	}
}

func (r *running) tryLines() []string {
	dir := ""
	if r.dir != usualDir {
		dir = " --dir " + word(r.dir)
	}
	lazisync, dev := programs("lazisync"), programs("lazisync-dev")
	lines := []string{
		`eval "$(` + dev + " env" + dir + `)"`,
		lazisync + " request full --wait",
		lazisync + " status",
		lazisync + " doctor",
		dev + " psql" + dir + " -c 'select * from raw.sync_state'",
	}
	if _, err := exec.LookPath("nats"); err == nil { // it reads NATS_URL
		lines = append(lines, `nats pub sync.requested '{"mode":"incremental"}'`)
	}
	return lines
}

// programs returns the path of one of the two programs, which are in the same folder.
func programs(name string) string {
	path := filepath.Join(filepath.Dir(arg0()), name)
	if !strings.Contains(path, string(filepath.Separator)) {
		path = "./" + path
	}
	return word(path)
}

// word quotes a text for a shell if necessary.
func word(text string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-", r))
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return quoted(text)
}

// quoted returns a text in single quotes for a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
