package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// loadingRounds is how often each pass is measured; the table has the medians.
const loadingRounds = 3

// loadingPasses are the passes over the feeds that the bare loader and lazisync make in turn.
var loadingPasses = []string{"first load", "no record changed"}

// bareLoaders are the loaders that lazisync is compared with, and their compression.
var bareLoaders = map[string]string{"bare loader": "pglz", "bare loader with LZ4": "lz4"}

// loading is the cost of one pass.
type loading struct {
	seconds, postgres, client float64 // client: CPU time of the worker, or of this process
	wal                       int64   // bytes
}

// measureLoading compares lazisync with a bare loader of the same feeds: in turn, since the load of a
// machine changes.
func measureLoading(ctx context.Context, d *deployment) ([]table, error) {
	if err := d.setWorkers(ctx, 1); err != nil {
		return nil, err
	}
	d.pace(0)
	defer d.pace(latency)
	measured := map[string][]loading{} // by name and pass
	for round := range loadingRounds {
		d.progress("loading: round %d of %d", round+1, loadingRounds)
		for name, compression := range bareLoaders {
			if err := d.loadBare(ctx, name, compression, measured); err != nil {
				return nil, err
			}
		}
		if err := d.loadLazisync(ctx, measured); err != nil {
			return nil, err
		}
	}
	return []table{loadingTable(measured)}, nil
}

func (d *deployment) loadBare(ctx context.Context, name, compression string, measured map[string][]loading) error {
	loader, err := d.newBareLoader(ctx, tenantOf(loadingTenant), compression)
	if err != nil {
		return err
	}
	for _, pass := range loadingPasses {
		err := d.measureLoad(ctx, measured, name+", "+pass, func(cpuUse) float64 { return 0 }, func() (int, error) { return loader.load(ctx) })
		if err != nil {
			return err
		}
	}
	_, err = d.sql.Exec(ctx, "drop schema bare cascade")
	return err
}

func (d *deployment) loadLazisync(ctx context.Context, measured map[string][]loading) error {
	if err := d.prepare(ctx, 1); err != nil {
		return err
	}
	for _, pass := range loadingPasses {
		err := d.measureLoad(ctx, measured, "lazisync, "+pass, func(c cpuUse) float64 { return c.workers }, func() (int, error) {
			all, _, err := d.sync(ctx, events.Full, []string{tenantOf(loadingTenant)})
			return int(counts(all).Fetched), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureLoad measures a pass. PostgreSQL first writes what earlier passes left.
func (d *deployment) measureLoad(ctx context.Context, measured map[string][]loading, name string, client func(cpuUse) float64, load func() (int, error)) error {
	if _, err := d.sql.Exec(ctx, "checkpoint"); err != nil {
		return err
	}
	before, cpu, began := d.wal(ctx), d.cpu(), time.Now()
	records, err := load()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if want := loadingRecords * len(defaultEntities); records != want {
		return fmt.Errorf("%s: got %d records, want %d", name, records, want)
	}
	took, used := time.Since(began).Seconds(), d.cpu().minus(cpu)
	measured[name] = append(measured[name], loading{took, used.postgres, client(used), d.wal(ctx) - before})
	return nil
}

// wal returns the position of the write-ahead log in bytes.
func (d *deployment) wal(ctx context.Context) (bytes int64) {
	if err := d.sql.QueryRow(ctx, "select (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&bytes); err != nil {
		return 0
	}
	return bytes
}

func loadingTable(measured map[string][]loading) table {
	records := float64(loadingRecords * len(defaultEntities))
	t := table{
		Title: fmt.Sprintf("%.0f records of %s in pages of %d, without latency: median of %d rounds in turn",
			records, strings.Join(defaultEntities, ", "), loadingPage, loadingRounds),
		Columns: []string{"pass", "records/s", "times the bare loader", "PostgreSQL, CPU µs per record", "worker, CPU µs per record", "WAL (MB)"},
	}
	for _, pass := range loadingPasses {
		bare := median(measured["bare loader, "+pass], func(l loading) float64 { return l.seconds })
		for _, name := range []string{"bare loader, " + pass, "bare loader with LZ4, " + pass, "lazisync, " + pass} {
			all := measured[name]
			seconds := median(all, func(l loading) float64 { return l.seconds })
			t.Rows = append(t.Rows, []any{
				name, records / seconds, bare / seconds, 1e6 * median(all, func(l loading) float64 { return l.postgres }) / records,
				1e6 * median(all, func(l loading) float64 { return l.client }) / records, median(all, func(l loading) float64 { return float64(l.wal) }) / 1e6,
			})
		}
	}
	return t
}

func median(all []loading, value func(loading) float64) float64 {
	var values []float64
	for _, l := range all {
		values = append(values, value(l))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
