// Command bench measures a deployment of lazisync: two bridges, two notifiers, two gateways and
// one to four workers, each a process of its own, with real NATS, Temporal and PostgreSQL servers
// and a simulated ServiceTitan. It prints the tables of docs/performance.md and writes the same
// figures as JSON. Run it in the folder dev of the repository, on Linux.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// section is a part of the benchmark with one or several tables.
type section struct {
	name string
	run  func(ctx context.Context, d *deployment) ([]table, error)
	long bool // measured only if -only names it
}

var sections = []section{
	{name: "loading", run: measureLoading},
	{name: "scale", run: measureScale},
	{name: "budget", run: measureBudget},
	{name: "concurrency", run: measureConcurrency},
	{name: "isolation", run: measureIsolation},
	{name: "sizing", run: measureSizing},
	{name: "latency", run: measureLatency},
	{name: "growth", run: measureGrowth},
	{name: "start", run: measureStart},
	{name: "bloat", run: measureBloat},
	{name: "storm", run: measureStorm}, // the last of them: it stops the roles that it does not measure
	{name: "soak", run: measureSoak, long: true},
	{name: "mixed", run: measureMixed, long: true},
}

// options are the flags that change what a section measures.
type options struct {
	records int     // of the largest table of growth
	minutes float64 // of the soak and the mixed load
}

// run measures the chosen sections and prints their tables to stdout, progress to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var names, usual []string
	for _, s := range sections {
		names = append(names, s.name)
		if !s.long {
			usual = append(usual, s.name)
		}
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", strings.Join(usual, ","), "sections to measure, of "+strings.Join(names, ","))
	var o options
	flags.IntVar(&o.records, "records", 100_000, "records of the largest table of the section growth: 10000, 100000 or 1000000")
	flags.Float64Var(&o.minutes, "minutes", 5, "length of the sections soak and mixed")
	file := flags.String("json", "", "file for the figures as JSON; none if empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen := strings.Split(*only, ",")
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-only: got %q, want some of %s", name, strings.Join(names, ","))
		}
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("operating system: got %s, want linux, because CPU, memory and connections are read from /proc", runtime.GOOS)
	}
	tables, err := measure(ctx, chosen, o, stdout, stderr)
	if *file == "" || len(tables) == 0 {
		return err
	}
	text, jsonErr := json.MarshalIndent(tables, "", "  ")
	if jsonErr != nil {
		return errors.Join(err, fmt.Errorf("figures as JSON: %w", jsonErr))
	}
	return errors.Join(err, os.WriteFile(*file, append(text, '\n'), 0o644))
}

// measure starts a deployment and measures the sections until one fails. It returns the tables up to then, also
// those of the section that fails.
func measure(ctx context.Context, names []string, o options, stdout, stderr io.Writer) (all []table, err error) {
	began := time.Now()
	progress := func(format string, args ...any) {
		fmt.Fprintf(stderr, "%4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	load, _ := os.ReadFile("/proc/loadavg") // three averages, processes and the latest PID
	fields := strings.Fields(string(load))
	fmt.Fprintf(stdout, "Measured with %d processors; load average before the start: %s\n\n", runtime.NumCPU(), strings.Join(fields[:min(3, len(fields))], " "))
	companies := companyOptions()
	if slices.Equal(names, []string{"mixed"}) {
		companies = mixedCompanies()
	}
	d, err := startDeployment(ctx, "..", companies, progress)
	if err != nil {
		return nil, err
	}
	d.options = o
	defer func() {
		if stopErr := d.stop(); err == nil {
			err = stopErr
		}
	}()
	for _, s := range sections {
		if !slices.Contains(names, s.name) {
			continue
		}
		tables, err := s.run(ctx, d)
		for _, t := range tables {
			if !t.hidden {
				fmt.Fprintln(stdout, t.markdown())
			}
		}
		all = append(all, tables...)
		if err != nil {
			return all, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	progress("done")
	return all, nil
}
