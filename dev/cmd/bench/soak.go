package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

const (
	soakSamples = 60
	soakWarmUp  = 20 // samples that the slopes leave out
)

// sample is the use of one process at a time.
type sample struct {
	hours                         float64
	memory, goroutines, openFiles float64
}

// embedded is the name of this process, in which NATS, Temporal and the simulated ServiceTitan run.
const embedded = "servers of this process"

// measureSoak requests an incremental sync each second, and measures whether the processes grow.
func measureSoak(ctx context.Context, d *deployment) ([]table, error) {
	if err := d.prepare(ctx, 1); err != nil {
		return nil, err
	}
	d.pace(0)
	defer d.pace(latency)
	tenants := tenantsFrom(latencyTenant, 1)
	if _, _, err := d.sync(ctx, events.Full, tenants); err != nil {
		return nil, err
	}
	samples, owners, began := map[string][]sample{}, [2]map[string]int{}, time.Now()
	length := time.Duration(d.options.minutes * float64(time.Minute))
	syncs, tick := 0, time.NewTicker(time.Second)
	defer tick.Stop()
	for taken := 0; taken < soakSamples; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		d.company(tenants[0]).Mutate(latencyChanges)
		if _, _, err := d.sync(ctx, events.Incremental, tenants); err != nil {
			return nil, err
		}
		if syncs++; time.Since(began) < length*time.Duration(taken+1)/soakSamples {
			continue
		}
		if err := d.sample(ctx, time.Since(began), samples); err != nil {
			return nil, err
		}
		if taken++; taken == soakWarmUp {
			owners[0] = goroutineOwners()
		}
	}
	owners[1] = goroutineOwners()
	return []table{soakTable(samples, syncs, time.Since(began)), ownersTable(owners)}, nil
}

// sample adds a sample of each process. Several processes of a role count together.
func (d *deployment) sample(ctx context.Context, since time.Duration, samples map[string][]sample) error {
	all := map[string]sample{}
	for _, r := range d.roles {
		one, err := r.sample(ctx)
		if err != nil {
			return fmt.Errorf("metrics of %s: %w", r.name, err)
		}
		sum := all[r.name]
		all[r.name] = sample{since.Hours(), max(sum.memory, one.memory), max(sum.goroutines, one.goroutines), max(sum.openFiles, one.openFiles)}
	}
	debug.FreeOSMemory() // what this process holds, without what the collector has not returned yet
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", os.Getpid()))
	all[embedded] = sample{since.Hours(), residentMiB(os.Getpid()), float64(runtime.NumGoroutine()), float64(len(files))}
	for name, one := range all {
		samples[name] = append(samples[name], one)
	}
	return nil
}

// sample reads the metrics of a role.
func (r *role) sample(ctx context.Context) (s sample, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.admin+"/metrics", nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return sample{memory: values["process_resident_memory_bytes"] / (1 << 20), goroutines: values["go_goroutines"], openFiles: values["process_open_fds"]}, lines.Err()
}

func soakTable(samples map[string][]sample, syncs int, length time.Duration) table {
	t := table{
		Title: fmt.Sprintf("%d incremental syncs, one a second, in %.0f minutes: after a third of the time, at the end, and growth between",
			syncs, length.Minutes()),
		Columns: []string{"process, the largest of its role", "resident memory (MiB)", "at the end", "MiB per hour", "goroutines", "at the end", "per hour",
			"open files", "at the end", "per hour"},
	}
	for _, name := range append(slices.Clone(roleNames), embedded) {
		row := []any{name}
		measured := samples[name][soakWarmUp:]
		for _, of := range []func(sample) float64{
			func(s sample) float64 { return s.memory }, func(s sample) float64 { return s.goroutines }, func(s sample) float64 { return s.openFiles },
		} {
			row = append(row, of(measured[0]), of(measured[len(measured)-1]), regression(measured, of))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// regression returns the growth of a value per hour, by least squares.
func regression(samples []sample, of func(sample) float64) float64 {
	var hours, values float64
	for _, s := range samples {
		hours, values = hours+s.hours, values+of(s)
	}
	hours, values = hours/float64(len(samples)), values/float64(len(samples))
	var above, below float64
	for _, s := range samples {
		above, below = above+(s.hours-hours)*(of(s)-values), below+(s.hours-hours)*(s.hours-hours)
	}
	return above / below
}

// goroutineOwners counts the goroutines of this process by the package of their first function.
func goroutineOwners() map[string]int {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		return nil // a buffer does not fail
	}
	return countOwners(&text)
}

// countOwners parses a profile of goroutines with debug=1: groups of equal stacks, each with its number
// and one line for each call, the first function last.
func countOwners(profile io.Reader) map[string]int {
	owners := map[string]int{}
	count, first := 0, ""
	lines := bufio.NewScanner(profile)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) > 2 && fields[1] == "@":
			count, _ = strconv.Atoi(fields[0])
		case len(fields) > 2 && fields[0] == "#" && fields[1] != "labels:":
			first = fields[2]
		case len(fields) == 0 && first != "":
			owners[packageOf(first)] += count
			first = ""
		}
	}
	return owners
}

// packageOf returns the package of a function with an offset, such as net/http.(*conn).serve+0x1.
func packageOf(function string) string {
	folder := strings.LastIndex(function, "/") + 1
	name, _, _ := strings.Cut(function[folder:], ".")
	return function[:folder] + name
}

const ownersShown = 12

// ownersTable lists the packages that own the most goroutines of this process.
func ownersTable(owners [2]map[string]int) table {
	t := table{
		Title:   "Goroutines of the servers of this process, by the package of their first function",
		Columns: []string{"package", "after a third of the time", "at the end"},
	}
	names := slices.SortedFunc(maps.Keys(owners[1]), func(a, b string) int {
		return cmp.Or(cmp.Compare(owners[1][b], owners[1][a]), cmp.Compare(a, b))
	})
	rest := [2]int{}
	for i, name := range names {
		if i < ownersShown {
			t.Rows = append(t.Rows, []any{name, owners[0][name], owners[1][name]})
			continue
		}
		rest[0], rest[1] = rest[0]+owners[0][name], rest[1]+owners[1][name]
	}
	t.Rows = append(t.Rows, []any{"others", rest[0], rest[1]})
	return t
}
