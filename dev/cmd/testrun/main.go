// Command testrun runs the tests of both modules for "make test" and "make test-all". It
// keeps the environment of the caller away from them, says what share of the time each
// part of the tests took, and fails if a test fails or is skipped: a test that was not run
// proves nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

// options say what to run.
type options struct {
	all     bool
	only    string // a part
	count   int
	seed    int64
	minutes float64
}

func run(ctx context.Context) int {
	var o options
	flag.BoolVar(&o.all, "all", false, "also -race, longer fuzzing, browser, PgBouncer and privileged tests")
	flag.StringVar(&o.only, "part", "", "run only this part: faults or chaos")
	flag.IntVar(&o.count, "count", 0, "run every test so often; 0 once, or not at all where nothing changed since")
	flag.Int64Var(&o.seed, "seed", 1, "of the chaos: the same seed kills in the same order")
	flag.Float64Var(&o.minutes, "minutes", 1, "how long the chaos goes on")
	flag.Parse()

	root, err := findRoot()
	if err != nil {
		return fail(err)
	}
	r := &runner{root: root, environ: cleanEnvironment(os.Environ()), out: os.Stdout}
	began := time.Now()
	steps, err := r.plan(ctx, o)
	if err != nil {
		return fail(err)
	}
	for _, s := range steps {
		fmt.Fprintf(r.out, "\n%s\n\n", s.title)
		if err := r.run(ctx, s); err != nil {
			return fail(err)
		}
	}
	r.report(time.Since(began))
	if r.failed() {
		return 1
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "testrun:", err)
	return 1
}

// findRoot goes up to the folder that holds both modules.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "dev", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("neither here nor above is a folder with dev/go.mod: run it in lazisync's checkout")
		}
		dir = filepath.Dir(dir)
	}
}
