// Command mutants seeds one realistic mistake after another into the code and runs the tests. It prints a table:
// which techniques find the mistake, and with which test. It exits with 1 if no technique finds one of the
// mistakes, or if one does not compile.
//
//	go run ./cmd/mutants                              all mistakes with the quick techniques
//	go run ./cmd/mutants -only control,page           those whose name contains one of the words
//	go run ./cmd/mutants -techniques "faults,chaos"   with techniques that take minutes for each mistake
//
// The files are not changed: the go command reads the mistakes from an overlay.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// technique is a way to find mistakes.
type technique struct {
	name   string
	module string // folder below the root
	args   []string
}

// random matches the tests with random sequences of calls or actions, which are techniques of their own.
const random = "Contract$|^Test(Workflow)?Sequences$"

var techniques = []technique{
	{name: "unit tests", args: []string{"-skip=" + random, "./bridge", "./activities", "./workflows", "./internal/ledger", "./internal/store", "./internal/stream"}},
	{name: "contract suites", args: []string{"-run=Contract$", "./internal/store"}},
	{name: "sequences", args: []string{"-run=^Test(Workflow)?Sequences$", "./bridge", "./workflows"}},
	{name: "streams", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./streamtest"}},
	{name: "end to end", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./e2e"}},
	{name: "conformance", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./conformance"}},
	{name: "faults", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./fault"}}, // the short ones
	{name: "chaos", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "-tags=fault", "-run=^TestFault42", "./fault", "-args", "-minutes=0.5"}},
}

// quick are the techniques that take about a minute for each mistake.
const quick = "unit tests,contract suites,sequences"

func main() {
	only := flag.String("only", "", "comma-separated words: seed only mistakes whose name has one of them")
	chosen := flag.String("techniques", quick, "comma-separated; also streams, end to end, conformance, faults and chaos, which take minutes for each mistake")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := run(ctx, split(*only), split(cmp.Or(*chosen, quick)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || missed > 0 {
		os.Exit(1)
	}
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' })
}

func run(ctx context.Context, only, names []string) (missed int, err error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return 0, err
	}
	chosen, err := named(names)
	if err != nil {
		return 0, err
	}
	seeded := selected(only)
	if len(seeded) == 0 {
		return 0, fmt.Errorf("-only: no mistake has one of %q in its name", only)
	}
	printRow("mistake", chosen, func(t technique) string { return t.name })
	printRow("---", chosen, func(technique) string { return "---" })
	for _, m := range seeded {
		found, err := m.seed(ctx, root, chosen)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", m.name, err)
		}
		printRow(m.name, chosen, func(t technique) string { return cmp.Or(found[t.name], "–") })
		if len(found) == 0 {
			missed++
		}
	}
	return missed, nil
}

// selected returns the mistakes whose name contains one of the words, all of them if there is no word.
func selected(words []string) []mutant {
	return slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		return len(words) > 0 && !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(m.name, word) })
	})
}

// named returns the techniques with these names.
func named(names []string) (chosen []technique, err error) {
	for _, name := range names {
		i := slices.IndexFunc(techniques, func(t technique) bool { return t.name == name })
		if i < 0 {
			var all []string
			for _, t := range techniques {
				all = append(all, t.name)
			}
			return nil, fmt.Errorf("-techniques: got %q, want one of %s", name, strings.Join(all, ", "))
		}
		chosen = append(chosen, techniques[i])
	}
	return chosen, nil
}

func printRow(first string, chosen []technique, cell func(technique) string) {
	fmt.Printf("| %s |", first)
	for _, t := range chosen {
		fmt.Printf(" %s |", cell(t))
	}
	fmt.Println()
}

// seed runs the tests with the mistake. It returns, by the name of the technique, the test that found it and its
// duration.
func (m mutant) seed(ctx context.Context, root string, chosen []technique) (found map[string]string, err error) {
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return nil, err
	}
	found = map[string]string{}
	for _, t := range chosen {
		test, err := t.run(ctx, root, overlay)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		if test != "" {
			found[t.name] = test
		}
	}
	return found, nil
}

// overlay writes the file with the mistake and the list for the go command, and returns that.
func (m mutant) overlay(root, dir string) (string, error) {
	original := filepath.Join(root, m.file)
	text, err := m.apply(root)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// apply returns the text of the file with the mistake.
func (m mutant) apply(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.before); n != 1 {
		return "", fmt.Errorf("%s has the code to change %d times, want once: %q", m.file, n, m.before)
	}
	return strings.Replace(string(text), m.before, m.after, 1), nil
}

// run returns the first test that fails and after how long, builds included, "" if all tests pass. It stops the
// others then.
func (t technique) run(ctx context.Context, root, overlay string) (string, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(running, "go", append([]string{"test", "-json", "-count=1", "-short", "-failfast", "-timeout=15m"}, t.args...)...)
	cmd.Dir = filepath.Join(root, t.module)
	cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay) // also of programs that tests build
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel, cmd.WaitDelay = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }, time.Minute // also of the tests, as Ctrl-C does
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	first, err := firstFailure(stdout)
	if first != "" || err != nil {
		stop()
	}
	_, _ = io.Copy(io.Discard, stdout)
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", err
	case first == "" && ended != nil:
		return "", fmt.Errorf("go test: %w: %s", ended, stderr.String())
	}
	return first, nil
}

// testEvent is a line of go test -json.
type testEvent struct{ Action, Package, Test, Output, FailedBuild string }

// firstFailure reads the output of go test -json. It returns the first test that failed, or the package if it
// failed without one, and after how long.
func firstFailure(output io.Reader) (first string, err error) {
	began, build := time.Now(), strings.Builder{}
	for lines := json.NewDecoder(output); ; {
		var e testEvent
		switch err := lines.Decode(&e); {
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil:
			return "", fmt.Errorf("output of go test: %w", err)
		}
		switch {
		case e.Action == "build-output":
			build.WriteString(e.Output)
		case e.FailedBuild != "":
			return "", fmt.Errorf("the mistake does not compile: %s", build.String())
		case e.Action == "fail":
			name, _, _ := strings.Cut(e.Test, "/")
			return fmt.Sprintf("%s (%s)", cmp.Or(name, e.Package), time.Since(began).Round(time.Second)), nil
		}
	}
}
