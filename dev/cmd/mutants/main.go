// Command mutants seeds one realistic mistake after another into the code and runs the tests: which
// technique finds it, and with which test. It prints a table, and fails if nothing finds a mistake.
//
//	go run ./cmd/mutants                        all mistakes with the quick techniques
//	go run ./cmd/mutants -only early,fence      those whose name contains one of the words
//	go run ./cmd/mutants -with "end to end"     with a technique that takes minutes
//
// The files are not changed: the go command reads the mistakes from an overlay.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// technique is a way to find mistakes.
type technique struct {
	name   string
	module string // folder below the root
	args   []string
	slow   bool // runs only if -with names it
}

// random matches the tests with random sequences of calls or actions.
const random = "Contract$|^TestSequences$"

var techniques = []technique{
	{name: "unit tests", args: []string{"-skip=" + random, "./bridge", "./activities", "./workflows", "./internal/ledger", "./internal/store", "./internal/stream"}},
	{name: "contract suites", args: []string{"-run=Contract$", "./internal/store"}},
	{name: "sequences", args: []string{"-run=^TestSequences$", "./bridge"}},
	{name: "streams", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./streamtest"}, slow: true},
	{name: "end to end", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./e2e"}, slow: true},
	{name: "conformance", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "./conformance"}, slow: true},
	{name: "faults", module: "dev", args: []string{"-vet=off", "-ldflags=-w", "-tags=fault", "./fault"}, slow: true},
}

func main() {
	only := flag.String("only", "", "comma-separated words: seed only mistakes whose name has one of them")
	with := flag.String("with", "", "comma-separated techniques that take minutes: streams, end to end, conformance, faults")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := run(ctx, split(*only), split(*with))
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

func run(ctx context.Context, only, with []string) (missed int, err error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return 0, err
	}
	var chosen []technique
	for _, t := range techniques {
		if !t.slow || slices.Contains(with, t.name) {
			chosen = append(chosen, t)
		}
	}
	printRow("mistake", chosen, func(t technique) string { return t.name })
	printRow("---", chosen, func(technique) string { return "---" })
	for _, m := range mutants {
		if len(only) > 0 && !slices.ContainsFunc(only, func(word string) bool { return strings.Contains(m.name, word) }) {
			continue
		}
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

func printRow(first string, chosen []technique, cell func(technique) string) {
	fmt.Printf("| %s |", first)
	for _, t := range chosen {
		fmt.Printf(" %s |", cell(t))
	}
	fmt.Println()
}

// seed runs the tests with the mistake. It returns, by technique, the test that found it.
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

var (
	failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	didPanic   = regexp.MustCompile(`(?m)^(panic: .*|FAIL\t\S+)`)
	notBuilt   = regexp.MustCompile(`\[(build|setup) failed\]`)
)

// run returns the first test that fails, and how long the technique took; "" if all pass.
func (t technique) run(ctx context.Context, root, overlay string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-short", "-failfast", "-timeout=15m"}, t.args...)...)
	cmd.Dir = filepath.Join(root, t.module)
	cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay) // also of programs that tests build
	began := time.Now()
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case notBuilt.Match(out):
		return "", fmt.Errorf("the mistake does not compile: %s", out)
	}
	took := time.Since(began).Round(time.Second)
	if test := failedTest.FindSubmatch(out); test != nil {
		return fmt.Sprintf("%s (%s)", test[1], took), nil
	}
	return fmt.Sprintf("%s (%s)", didPanic.Find(out), took), nil
}
