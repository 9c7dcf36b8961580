package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// runner runs steps and collects their results.
type runner struct {
	root    string
	environ []string
	out     *clockedWriter

	results  []result
	outputs  map[key][]string // of running tests
	problems []string         // reasons to fail
	live     bool             // show the output of tests immediately
}

// result is the result of one top-level test.
type result struct {
	part    string
	elapsed time.Duration
}

type key struct{ pkg, test string }

// event is a line of go test -json.
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

// run runs go test. It prints a line for each package, the output of tests that fail or are
// skipped, and a line of progress after each silence.
func (r *runner) run(ctx context.Context, s step) error {
	var packages []string
	if s.packages != nil {
		var err error
		if packages, err = s.packages(); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-json"}, s.args, packages)...)
	cmd.Dir, cmd.Env, cmd.Stderr = filepath.Join(r.root, s.module), r.environ, os.Stderr
	if slices.Contains(s.args, "-race") {
		// The race detector needs cgo, and by default each test binary sleeps for a second at its end.
		cmd.Env = append(slices.Clone(r.environ), "CGO_ENABLED=1", "GORACE=atexit_sleep_ms=10")
	}
	// The terminal sends Ctrl-C to the tests, too; they clean up and exit.
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, time.Minute
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go test: %w", err)
	}
	r.outputs, r.live = map[key][]string{}, s.live
	before := len(r.problems)
	err = errors.Join(r.read(stdout), cmd.Wait())
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("go test: %w", err)
	}
	if err != nil && len(r.problems) == before {
		r.problems = append(r.problems, fmt.Sprintf("go test %s: %v", strings.Join(s.args, " "), err))
	}
	return nil
}

// read handles the output of go test -json until its end.
func (r *runner) read(stdout io.Reader) error {
	lines, end := make(chan string), make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		end <- scanner.Err()
	}()
	p := newProgress()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case text := <-lines:
			var e event
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				fmt.Fprintln(r.out, text) // output of go itself
				continue
			}
			p.handle(e, time.Now())
			r.handle(e)
		case now := <-tick.C:
			if now.Sub(r.out.last) >= silence {
				fmt.Fprintln(r.out, p.line(now))
			}
		case err := <-end:
			return err
		}
	}
}

func (r *runner) handle(e event) {
	at := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.output(at, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnded(e)
		} else {
			r.testEnded(e)
		}
	}
}

// output keeps the output of a running test. The fault package prints its own table after its tests.
func (r *runner) output(at key, text string) {
	if r.live || at.test == "" && strings.HasSuffix(at.pkg, faultPackage) && text != "PASS\n" {
		fmt.Fprint(r.out, strings.ReplaceAll(text, "github.com/lazi/lazisync", "lazisync"))
		return
	}
	// Print the result of a package immediately.
	closing := strings.HasPrefix(text, "ok  \t") || strings.HasPrefix(text, "FAIL\t")
	if at.test == "" && closing {
		fmt.Fprint(r.out, strings.ReplaceAll(text, "github.com/lazi/lazisync", "lazisync"))
		return
	}
	r.outputs[at] = append(r.outputs[at], text)
}

func (r *runner) testEnded(e event) {
	at := key{e.Package, e.Test}
	name, sub, _ := strings.Cut(e.Test, "/")
	if e.Action != "pass" {
		r.problems = append(r.problems, fmt.Sprintf("%s %s (%s)%s", e.Action, e.Test, e.Package, reason(r.outputs[at])))
		fmt.Fprint(r.out, strings.Join(r.outputs[at], ""))
	}
	delete(r.outputs, at)
	if sub == "" {
		r.results = append(r.results, result{partOf(e.Package, name), seconds(e.Elapsed)})
	}
}

// maxReason is how many lines of a test's messages the report repeats.
const maxReason = 12

var message = regexp.MustCompile(`^ {4}\S+\.go:\d+: `)

// reason returns the first messages in the output of a test, without logs of the programs that it ran.
func reason(output []string) string {
	var lines []string
	within := false
	for _, text := range output {
		within = message.MatchString(text) || within && strings.HasPrefix(text, "        ")
		if within && strings.TrimSpace(text) != "" && !strings.Contains(text, `{"level":`) && len(lines) < maxReason {
			lines = append(lines, "\n  "+strings.TrimRight(text, " \n"))
		}
	}
	return strings.Join(lines, "")
}

// packageEnded records a failure outside of tests. go reports a package without tests as
// skipped, which is not a skipped test.
func (r *runner) packageEnded(e event) {
	if e.Action != "fail" {
		return
	}
	r.problems = append(r.problems, "fail "+e.Package)
	for at, lines := range r.outputs {
		if at.pkg == e.Package { // of the package, and of tests that a crash interrupted
			fmt.Fprint(r.out, strings.Join(lines, ""))
		}
	}
}

func (r *runner) failed() bool { return len(r.problems) > 0 || len(r.results) == 0 }

// report prints the share of each part, and the failures.
func (r *runner) report(wall time.Duration) {
	tests, spent := map[string]int{}, map[string]time.Duration{}
	var all time.Duration
	for _, one := range r.results {
		tests[one.part]++
		spent[one.part] += one.elapsed
		all += one.elapsed
	}
	fmt.Fprintf(r.out, "\n%-20s %6s %9s %6s\n", "part", "tests", "seconds", "share")
	for _, p := range parts {
		share := 0.0
		if all > 0 {
			share = 100 * float64(spent[p.name]) / float64(all)
		}
		fmt.Fprintf(r.out, "%-20s %6d %9.1f %5.0f %%\n", p.name, tests[p.name], spent[p.name].Seconds(), share)
	}
	fmt.Fprintf(r.out, "%-20s %6d %9.1f\n\n", "all", len(r.results), all.Seconds())
	if !r.failed() {
		fmt.Fprintf(r.out, "ok: %d tests in %.0f s, none failed, none skipped\n", len(r.results), wall.Seconds())
		return
	}
	fmt.Fprintf(r.out, "FAIL: after %.0f s; a skipped test counts as failed:\n", wall.Seconds())
	for _, problem := range r.problems {
		fmt.Fprintln(r.out, "  "+problem)
	}
	if len(r.results) == 0 {
		fmt.Fprintln(r.out, "  no test ran")
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
