package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// growth is what was measured at several sizes of one thing.
type growth struct {
	title  string
	of     string // what grows, with its unit
	sizes  []int
	names  []string             // in the order of the table
	values map[string][]float64 // by name; one for each size
}

func newGrowth(title, of string, sizes []int) *growth {
	return &growth{title: title, of: of, sizes: sizes, values: map[string][]float64{}}
}

// note adds the value for the size that is being measured.
func (g *growth) note(name string, value float64) {
	if _, known := g.values[name]; !known {
		g.names = append(g.names, name)
	}
	g.values[name] = append(g.values[name], value)
}

// table has a row for each name, and the slopes: the exponent with which a value grows from one size to the
// next. With 1 it grows as the size does, with 0 not at all.
func (g *growth) table() table {
	t := table{Title: g.title, Columns: []string{g.of}}
	for _, n := range g.sizes {
		t.Columns = append(t.Columns, fmt.Sprint(n))
	}
	t.Columns = append(t.Columns, "slopes")
	for _, name := range g.names {
		row, slopes := []any{name}, []string{}
		for i, value := range g.values[name] {
			row = append(row, value)
			if i > 0 {
				slopes = append(slopes, slope(g.sizes[i-1], g.sizes[i], g.values[name][i-1], value))
			}
		}
		t.Rows = append(t.Rows, append(row, strings.Join(slopes, ", ")))
	}
	return t
}

func slope(n1, n2 int, v1, v2 float64) string {
	if v1 <= 0 || v2 <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", math.Log(v2/v1)/math.Log(float64(n2)/float64(n1)))
}

// measureGrowth measures how time, write-ahead log, storage and memory grow with the records of a table, the
// entities of a request and the tenants.
func measureGrowth(ctx context.Context, d *deployment) (tables []table, err error) {
	d.pace(0)
	defer d.pace(latency)
	for _, measure := range []func(context.Context) (*growth, error){d.growRecords, d.growEntities, d.growTenants} {
		g, err := measure(ctx)
		if err != nil {
			return nil, err
		}
		tables = append(tables, g.table())
	}
	return tables, nil
}

// growEntities measures requests of more and more entities.
func (d *deployment) growEntities(ctx context.Context) (*growth, error) {
	names := growthEntities()
	g := newGrowth(fmt.Sprintf("One request for several entities of %d records", growthRecordsRest), "entities", []int{1, 4, 16, 64, len(names)})
	for _, n := range g.sizes {
		d.progress("growth: %d entities", n)
		tenants := []string{tenantOf(growthEntitiesTenant)}
		if err := d.growPasses(ctx, g, tenants, names[:n]...); err != nil {
			return nil, fmt.Errorf("%d entities: %w", n, err)
		}
	}
	return g, nil
}

// growTenants measures more and more tenants at once.
func (d *deployment) growTenants(ctx context.Context) (*growth, error) {
	g := newGrowth(fmt.Sprintf("Requests of several tenants at once, each for %s with %d records", strings.Join(defaultEntities, ", "), fleetPages*smallPage),
		"tenants", []int{1, 10, fleetSize})
	for _, n := range g.sizes {
		d.progress("growth: %d tenants", n)
		if err := d.growPasses(ctx, g, fleet(n)); err != nil {
			return nil, fmt.Errorf("%d tenants: %w", n, err)
		}
	}
	return g, nil
}

// growPasses measures a first load, a full sync without a changed record and an incremental sync, with a
// new worker.
func (d *deployment) growPasses(ctx context.Context, g *growth, tenants []string, entities ...string) error {
	if err := d.prepareGrowth(ctx); err != nil {
		return err
	}
	for _, p := range []pass{{"first load", events.Full}, {"no record changed", events.Full}, {"incremental, nothing changed", events.Incremental}} {
		err := d.growStep(ctx, g, p.name, func() error {
			_, _, err := d.sync(ctx, p.mode, tenants, entities...)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	d.growMemory(g)
	return nil
}

// prepareGrowth empties the tables, starts a new worker, and resets the peaks of memory.
func (d *deployment) prepareGrowth(ctx context.Context) error {
	if err := d.prepare(ctx, 0); err != nil {
		return err
	}
	if err := d.setWorkers(ctx, 1); err != nil {
		return err
	}
	for _, r := range d.roles {
		if err := resetPeak(r.Pid()); err != nil {
			return fmt.Errorf("reset the peak memory of %s: %w", r.name, err)
		}
	}
	return nil
}

// growStep notes the seconds and the write-ahead log of a step.
func (d *deployment) growStep(ctx context.Context, g *growth, name string, step func() error) error {
	if _, err := d.sql.Exec(ctx, "checkpoint"); err != nil {
		return err
	}
	wal, began := d.wal(ctx), time.Now()
	if err := step(); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	g.note(name+" (s)", took)
	g.note(name+", WAL (MB)", float64(d.wal(ctx)-wal)/1e6)
	return nil
}

// growMemory notes the peak memory of each role since prepareGrowth.
func (d *deployment) growMemory(g *growth) {
	for _, name := range roleNames {
		g.note(name+", resident memory (MiB)", d.peakMemory(name))
	}
}
