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

func run(ctx context.Context) int {
	all := flag.Bool("all", false, "also -race, longer fuzzing, browser and privileged tests")
	only := flag.String("part", "", "run only this part")
	count := flag.Int("count", 0, "run every test so often; 0 once, or not at all where nothing changed since")
	flag.Parse()

	root, err := findRoot()
	if err != nil {
		return fail(err)
	}
	r := &runner{root: root, environ: cleanEnvironment(os.Environ()), out: os.Stdout}
	began := time.Now()
	steps, err := r.plan(ctx, *all, *only, *count)
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
