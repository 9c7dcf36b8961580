package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/stream"
)

// point is a value, the time since the beginning, and the number of requests that had an outcome by then.
type point struct{ hours, finished, value float64 }

// quantity is something that is measured again and again, such as the memory of a process.
type quantity struct {
	name, unit string
	// bound is the most by which it may grow: in its unit and in an hour, or with perRequest in KiB and for
	// each finished request.
	bound      float64
	perRequest bool
	retention  string // how long what grows with the requests is kept, "" for the other quantities
	points     []point
}

// measurements are the quantities in the order of the tables.
type measurements struct {
	all    []*quantity
	byName map[string]*quantity
}

// note adds a value of a quantity, which is identified by its name and unit.
func (s *measurements) note(q quantity, hours float64, finished int, value float64) {
	key := q.name + q.unit
	if s.byName[key] == nil {
		s.byName[key] = &q
		s.all = append(s.all, &q)
	}
	known := s.byName[key]
	known.points = append(known.points, point{hours, float64(finished), value})
}

// Bounds of the growth in an hour, beyond the error of measurement.
const (
	boundMemory     = 5  // MiB of a role
	boundServers    = 40 // MiB of the servers in this process, with their caches
	boundCount      = 5  // goroutines or open files
	boundRows       = 20 // MiB of the tables of entities, whose rows are only replaced
	boundProgress   = 40 // MiB of the stream of progress, which has a limit of 32
	boundPerRequest = 40 // KiB that each request leaves, in one place
)

// measure measures every minute until ctx is done, more often if the length is less than 12 minutes.
func (m *mixedLoad) measure(ctx context.Context, length time.Duration) (*measurements, error) {
	s := &measurements{byName: map[string]*quantity{}}
	survivors := map[string]*role{}
	for _, r := range m.roles() {
		if survivors[r.name] == nil {
			survivors[r.name] = r
		}
	}
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return s, nil
		case <-time.After(min(mixedSamples, length/mixedLeastSamples)):
		}
		if err := m.sample(ctx, s, survivors, time.Since(began).Hours()); err != nil && ctx.Err() == nil {
			return nil, err
		}
	}
}

// keptLog is how many bytes of a role's log are kept in memory.
const keptLog = 64 << 10

func (m *mixedLoad) sample(ctx context.Context, s *measurements, survivors map[string]*role, hours float64) error {
	finished := m.sent.finished()
	for _, name := range roleNames {
		one, err := survivors[name].sample(ctx)
		if err != nil {
			return fmt.Errorf("metrics of %s: %w", name, err)
		}
		s.noteProcess(name, boundMemory, hours, finished, one)
	}
	for _, r := range m.roles() {
		r.Log.KeepLast(keptLog)
	}
	debug.FreeOSMemory()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", os.Getpid()))
	s.noteProcess(embedded, boundServers, hours, finished, sample{
		memory: residentMiB(os.Getpid()), goroutines: float64(runtime.NumGoroutine()), openFiles: float64(len(files)),
	})
	return m.sampleStorage(ctx, s, hours, finished)
}

func (s *measurements) noteProcess(name string, memory, hours float64, finished int, one sample) {
	s.note(quantity{name: name, unit: "MiB resident", bound: memory}, hours, finished, one.memory)
	s.note(quantity{name: name, unit: "goroutines", bound: boundCount}, hours, finished, one.goroutines)
	s.note(quantity{name: name, unit: "open files", bound: boundCount}, hours, finished, one.openFiles)
}

func (m *mixedLoad) sampleStorage(ctx context.Context, s *measurements, hours float64, finished int) error {
	var whole, rows float64
	err := m.d.sql.QueryRow(ctx, `select pg_database_size(current_database()),
		(select coalesce(sum(pg_total_relation_size(format('raw.%I', tablename)::regclass)), 0) from pg_tables where schemaname = 'raw' and tablename like 'st\_%')`).
		Scan(&whole, &rows)
	if err != nil {
		return fmt.Errorf("size of the database: %w", err)
	}
	const mib = 1 << 20
	s.note(quantity{name: "PostgreSQL, tables of entities", unit: "MiB", bound: boundRows}, hours, finished, rows/mib)
	s.note(quantity{name: "PostgreSQL, ledger and all else", unit: "MiB", bound: boundPerRequest, perRequest: true, retention: "90 days"}, hours, finished, (whole-rows)/mib)
	js, err := jetstream.New(m.d.nc)
	if err != nil {
		return err
	}
	for _, name := range []string{stream.StreamCommands, stream.StreamEvents, stream.StreamProgress, stream.StreamDeadLetter} {
		info, err := js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("size of %s: %w", name, err)
		}
		q := quantity{name: "NATS, " + name, unit: "MiB", bound: boundPerRequest, perRequest: true, retention: retention(info.CachedInfo().Config.MaxAge)}
		if name == stream.StreamProgress {
			q.bound, q.perRequest = boundProgress, false
		}
		s.note(q, hours, finished, float64(info.CachedInfo().State.Bytes)/mib)
	}
	folder, err := folderSize(filepath.Join(m.d.dir, "data", "temporal"))
	if err != nil {
		return fmt.Errorf("size of Temporal's data: %w", err)
	}
	s.note(quantity{
		name: "Temporal, SQLite", unit: "MiB", bound: boundPerRequest, perRequest: true, retention: retention(temporalserver.Retention),
	}, hours, finished, float64(folder)/mib)
	return nil
}

func retention(age time.Duration) string {
	if age < 24*time.Hour {
		return fmt.Sprintf("%.0f minutes", age.Minutes())
	}
	return fmt.Sprintf("%.0f days", age.Hours()/24)
}

func folderSize(path string) (bytes int64, err error) {
	entries, err := os.ReadDir(path)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil { // a file of SQLite may have been deleted meanwhile
			bytes += info.Size()
		}
	}
	return bytes, err
}

// steady returns the points after the warm-up, which is the first third.
func (q *quantity) steady() []point { return q.points[len(q.points)/mixedWarmUp:] }

// slope returns the growth by least squares, and its standard error: for each hour, or with perRequest for
// each finished request.
func (q *quantity) slope() (slope, deviation float64) {
	points := q.steady()
	x := func(p point) float64 {
		if q.perRequest {
			return p.finished
		}
		return p.hours
	}
	n := float64(len(points))
	var meanX, meanY, xx, xy, rest float64
	for _, p := range points {
		meanX, meanY = meanX+x(p)/n, meanY+p.value/n
	}
	for _, p := range points {
		xx, xy = xx+(x(p)-meanX)*(x(p)-meanX), xy+(x(p)-meanX)*(p.value-meanY)
	}
	if slope = xy / xx; n < 3 || xx == 0 { // one or two points show no error
		return 0, math.Inf(1)
	}
	for _, p := range points {
		rest += math.Pow(p.value-meanY-slope*(x(p)-meanX), 2)
	}
	return slope, math.Sqrt(rest / (n - 2) / xx)
}

// certain is the number of standard errors by which a slope must exceed its bound to be an error.
const certain = 3

// check returns an error that names everything that grows beyond its bound.
func (s *measurements) check() error {
	var errs []error
	for _, q := range s.all {
		slope, deviation := q.slope()
		bound := q.bound
		if q.perRequest {
			bound /= 1024
		}
		if slope-certain*deviation > bound {
			per := "an hour"
			if q.perRequest {
				per = "a request"
			}
			errs = append(errs, fmt.Errorf("%s grows by %s %s %s, want at most %s", q.name, text(slope), q.unit, per, text(bound)))
		}
	}
	return errors.Join(errs...)
}

// tables returns what was sent, and the growth of processes and of storage.
func (m *mixedLoad) tables(s *measurements, length time.Duration) []table {
	processes, storage := s.tables()
	return []table{m.sentTable(length), processes, storage}
}

// sentTable returns what was sent, and the outcomes.
func (m *mixedLoad) sentTable(length time.Duration) table {
	load := table{Title: fmt.Sprintf("Mixed load of %d tenants in %.0f minutes", mixedTenants, length.Minutes()), Columns: []string{"what", "number"}}
	for _, p := range m.parts() {
		load.Rows = append(load.Rows, []any{p.name, m.counts[p.name]})
	}
	load.Rows = append(load.Rows, []any{"webhooks answered with 200", m.gateway.taken}, []any{"requests with one outcome, also second passes", m.sent.finished()})
	for _, subject := range slices.Sorted(maps.Keys(m.sent.runs)) {
		load.Rows = append(load.Rows, []any{"runs, " + subject, m.sent.runs[subject]})
	}
	return load
}

// tables returns the growth of processes and of storage.
func (s *measurements) tables() (processes, storage table) {
	processes = table{
		Title:   "Of each role, the process that was not killed: after the warm-up, at the end, and growth between by least squares, with its standard error",
		Columns: []string{"process", "unit", "after a third of the time", "at the end", "per hour", "±"},
	}
	storage = table{
		Title:   "Storage",
		Columns: []string{"what", "after a third of the time (MiB)", "at the end (MiB)", "MiB per hour", "KiB per request", "kept"},
	}
	for _, q := range s.all {
		steady := q.steady()
		first, last := steady[0].value, steady[len(steady)-1].value
		if q.unit != "MiB" {
			slope, deviation := q.slope()
			processes.Rows = append(processes.Rows, []any{q.name, q.unit, first, last, slope, deviation})
			continue
		}
		hourly, each := *q, *q
		hourly.perRequest, each.perRequest = false, true
		perHour, _ := hourly.slope()
		perRequest, _ := each.slope()
		kept := q.retention
		if kept == "" {
			kept = "rows are replaced"
		}
		storage.Rows = append(storage.Rows, []any{q.name, first, last, perHour, perRequest * 1024, kept})
	}
	return processes, storage
}
