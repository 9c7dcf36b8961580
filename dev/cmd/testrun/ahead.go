package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// compileAhead compiles the packages of a step while the tests of the step before it run, which wait
// more than they compute. The function that it returns waits until it has ended: two calls of go would
// compile the same packages. Errors are not reported, because go test of the step reports them.
func (r *runner) compileAhead(ctx context.Context, s step) (wait func()) {
	cmd := exec.CommandContext(ctx, "nice", slices.Concat([]string{"-n", "10", "go", "list", "-e", "-test", "-deps", "-export"}, s.buildArgs())...)
	cmd.Dir, cmd.Env = filepath.Join(r.root, s.module), r.environOf(s)
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, time.Minute
	if cmd.Start() != nil {
		return func() {} // without nice it would slow the tests down
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	return func() {
		tick := time.NewTicker(silence)
		defer tick.Stop()
		for began := time.Now(); ; {
			select {
			case <-ended:
				return
			case now := <-tick.C:
				fmt.Fprintf(r.out, "  ... %s, building\n", now.Sub(began).Round(time.Second))
			}
		}
	}
}

// buildArgs returns the arguments of a step that say what is compiled: packages and build flags.
func (s step) buildArgs() (args []string) {
	for _, arg := range s.args {
		if !strings.HasPrefix(arg, "-") || arg == "-race" || strings.HasPrefix(arg, "-tags=") {
			args = append(args, arg)
		}
	}
	return args
}

// environOf returns the environment of a step.
func (r *runner) environOf(s step) []string {
	if slices.Contains(s.args, "-race") {
		return append(slices.Clone(r.environ), "CGO_ENABLED=1") // which it needs
	}
	return r.environ
}
