// Command testrun runs the tests of both modules for "make test" and "make test-all". It
// removes variables of real systems from their environment, reports the share of time of
// each part of the tests, and fails if a test fails or is skipped.
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

// options select the tests to run.
type options struct {
	all     bool
	part    string // "", "faults", "chaos" or "fuzz"
	inputs  int    // of each fuzz test
	count   int
	seed    int64
	minutes float64
}

func run(ctx context.Context) int {
	var o options
	flag.BoolVar(&o.all, "all", false, "also -race, browser, PgBouncer and privileged tests")
	flag.StringVar(&o.part, "part", "", "run only this part: faults, chaos or fuzz")
	flag.IntVar(&o.inputs, "inputs", defaultFuzzInputs, "number of inputs of each fuzz test")
	flag.IntVar(&o.count, "count", 0, "run each test this many times; 0: once, or in the root module the cached result")
	flag.Int64Var(&o.seed, "seed", 1, "seed of the chaos schedule")
	flag.Float64Var(&o.minutes, "minutes", 1, "duration of the chaos test")
	flag.Parse()

	root, err := findRoot()
	if err != nil {
		return fail(err)
	}
	r := &runner{root: root, environ: cleanEnvironment(os.Environ()), out: &clockedWriter{Writer: os.Stdout, last: time.Now()}}
	began := time.Now()
	steps, err := r.plan(ctx, o)
	if err != nil {
		return fail(err)
	}
	tested, err := sources(root)
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
	if !o.all && o.part == "" {
		if err := (passed{Sources: tested, At: time.Now()}).write(root); err != nil {
			return fail(err)
		}
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "testrun:", err)
	return 1
}

// findRoot returns the folder of both modules: the working directory or a parent of it.
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
			return "", fmt.Errorf("no dev/go.mod in the working directory or its parents: run it in a checkout of lazisync")
		}
		dir = filepath.Dir(dir)
	}
}
