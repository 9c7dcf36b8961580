package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

const startRounds = 11

// measureStart measures how long a role takes from its start to its readiness, beside servers that run, and
// how long the servers of a development stack take.
func measureStart(ctx context.Context, d *deployment) ([]table, error) {
	if err := d.setWorkers(ctx, 1); err != nil {
		return nil, err
	}
	roles := table{
		Title:   fmt.Sprintf("From the start of a process to /readyz, servers running: %d starts of each role", startRounds),
		Columns: []string{"role", "median (ms)", "slowest (ms)", "CPU until ready, median (ms)"},
	}
	for _, name := range []string{"serve", "bridge", "worker", "notifier", "gateway"} {
		d.progress("start: %s", name)
		var ready, cpu []float64
		for range startRounds {
			took, used, err := d.timeStart(ctx, name)
			if err != nil {
				return nil, err
			}
			ready, cpu = append(ready, milliseconds(took)), append(cpu, 1000*used)
		}
		roles.Rows = append(roles.Rows, []any{name, percentile(ready, 50), percentile(ready, 100), percentile(cpu, 50)})
	}
	servers, err := d.measureStack(ctx)
	return []table{roles, servers}, err
}

// timeStart starts a role and stops it when it is ready.
func (d *deployment) timeStart(ctx context.Context, name string) (took time.Duration, cpu float64, err error) {
	free, err := ports.Free(1)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	r, err := d.launch(name, ports.Addr(free[0]))
	if err != nil {
		return 0, 0, err
	}
	if err := r.awaitReady(ctx, 5*time.Millisecond); err != nil {
		return 0, 0, err
	}
	took, cpu = time.Since(began), cpuSeconds(r.Pid())
	return took, cpu, d.stopRole(r)
}

// measureStack starts the servers of a development stack in a new folder, and once more with their
// data.
func (d *deployment) measureStack(ctx context.Context) (table, error) {
	t := table{
		Title:   "Servers of a development stack, started together: until each answers",
		Columns: []string{"data", "PostgreSQL (s)", "NATS (s)", "Temporal (s)", "ServiceTitan, 1,000 records of each entity (s)", "all (s)"},
	}
	dir := filepath.Join(d.dir, "stack")
	defer os.RemoveAll(dir)
	for _, data := range []string{"new", "kept"} {
		d.progress("start: servers with %s data", data)
		row, err := startStack(ctx, dir)
		if err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, append([]any{data}, row...))
	}
	return t, pgserver.Remove(ctx, filepath.Join(dir, "postgres"))
}

// startStack starts and stops the servers and returns the seconds that each took, and all together.
func startStack(ctx context.Context, dir string) (row []any, err error) {
	began := time.Now()
	took := map[string]float64{}
	s, err := stack.Start(ctx, stack.Options{
		Dir: dir, Environ: os.Environ(), Isolated: true, FreePorts: true, Simulator: simulator.Options{RecordsPerEntity: 1000}, Log: zerolog.Nop(),
		Ready: func(service stack.Service) {
			if service.From == stack.Embedded {
				took[service.Name] = time.Since(began).Seconds()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	all := time.Since(began).Seconds()
	for _, name := range []string{"PostgreSQL", "NATS", "Temporal", "ServiceTitan"} {
		row = append(row, took[name])
	}
	return append(row, all), s.Stop()
}
