package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// limit is far longer than a recording takes.
const limit = 5 * time.Minute

func main() {
	out := flag.String("out", filepath.Join("..", "workflows", "testdata", "histories"), "folder to write to")
	only := flag.String("only", "", "record only the cases whose name begins with this, and the first one, which others continue")
	version := flag.Int("version", 1, "version in the names of the files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, *out, *version, *only); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// run records on a server with default settings, then on one that suggests continue-as-new early, then
// with a minimum interval between passes.
func run(ctx context.Context, out string, version int, only string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, part := range []struct {
		cases              []recording
		continueAsNewAfter int
		environ            []string
	}{
		{cases: short},
		{cases: continued, continueAsNewAfter: 10},
		{cases: bounded, environ: []string{"SYNC_MIN_INTERVAL=15s"}},
	} {
		wanted := func(c recording) bool { return strings.HasPrefix(c.name, only) }
		if !slices.ContainsFunc(part.cases, wanted) {
			continue
		}
		cases := slices.DeleteFunc(slices.Clone(part.cases), func(c recording) bool {
			return c.name != part.cases[0].name && !wanted(c)
		})
		if err := recordAll(ctx, out, version, cases, part.continueAsNewAfter, part.environ...); err != nil {
			return err
		}
	}
	return nil
}

func recordAll(ctx context.Context, out string, version int, cases []recording, continueAsNewAfter int, environ ...string) (err error) {
	w, err := newDeployment(ctx, continueAsNewAfter, environ...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	for _, c := range cases {
		w.simulator().SetPace(0)
		w.simulator().ClearFaults()
		w.simulator().ResetStats()
		id, err := c.run(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		chain, err := w.chain(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for i, history := range chain {
			name := c.name
			if len(chain) > 1 {
				name = fmt.Sprintf("%s-%d", c.name, i+1)
			}
			path := filepath.Join(out, fmt.Sprintf("%s.v%d.json", name, version))
			if err := write(path, history); err != nil {
				return err
			}
			fmt.Printf("%-50s %4d events\n", filepath.Base(path), len(history.GetEvents()))
		}
	}
	return nil
}
