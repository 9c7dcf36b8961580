package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// newChangesBench is a bench whose changes are recorded, or not. If isLoaded, it has one page of
// customers and an incremental run, else a first full run.
func newChangesBench(b *testing.B, isOn, isLoaded bool) *bench {
	b.Helper()
	ctx := b.Context()
	e, _ := entity.Find("customers")
	store, err := Open(ctx, pgtest.Database(b), Options{Changes: isOn, Entities: []entity.Entity{e}})
	require.NoError(b, err)
	b.Cleanup(store.Close)
	_, err = store.Migrate(ctx)
	require.NoError(b, err)
	s := &bench{Store: store, entity: e}
	s.begin(b, events.Full)
	if !isLoaded {
		return s
	}
	at, err := s.StorePage(ctx, s.run.Target(e), s.at, entity.Page{
		Records: benchCustomers(1, 0), Next: entity.Cursor{Feed: entity.Export, Token: "t"}, Last: true, Total: -1, Date: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC),
	})
	require.NoError(b, err)
	require.True(b, at.Done())
	_, err = s.Finalize(ctx, s.run.Ref(), ledger.Finalization{State: ledger.Completed})
	require.NoError(b, err)
	s.begin(b, events.Incremental)
	return s
}

// begin begins a run in a mode.
func (s *bench) begin(b *testing.B, mode events.Mode) {
	b.Helper()
	ctx, id := b.Context(), string(mode)
	_, err := s.Receive(ctx, []ledger.Request{{ID: id, TenantID: "1", Mode: mode, Entities: []string{s.entity.Name}, WorkflowID: id}})
	require.NoError(b, err)
	run, found, err := s.BeginRun(ctx, ledger.BeginInput{TenantID: "1", Mode: mode, WorkflowID: id, FirstRunID: "f", Pass: 1, RequestID: id})
	require.NoError(b, err)
	require.True(b, found)
	at, err := s.Open(ctx, run.Target(s.entity))
	require.NoError(b, err)
	require.False(b, at.Done())
	s.run, s.at = run, at
}

// BenchmarkRecordedChanges stores the same pages with and without the recording of changes, in turn, and
// reports how many times as long the former takes.
func BenchmarkRecordedChanges(b *testing.B) {
	for _, c := range []struct {
		name     string
		isLoaded bool
		records  func(n int) []entity.Record
		recorded int64 // changes of a page
	}{
		{"first load", false, func(n int) []entity.Record { return benchCustomers(1+n*benchPage, 0) }, 0},
		{"every record new", true, func(n int) []entity.Record { return benchCustomers(1+(n+1)*benchPage, 0) }, benchPage},
		{"every record changed", true, func(n int) []entity.Record { return benchCustomers(1, n+1) }, benchPage},
		{"one in a hundred changed", true, func(n int) []entity.Record {
			records := benchCustomers(1, 0)
			copy(records, benchCustomers(1, n+1)[:benchPage/100])
			return records
		}, benchPage / 100},
		{"no record changed", true, func(int) []entity.Record { return benchCustomers(1, 0) }, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			stores := []*bench{newChangesBench(b, false, c.isLoaded), newChangesBench(b, true, c.isLoaded)}
			var took [2]time.Duration
			var wal [2]int64
			for n := 0; b.Loop(); n++ {
				records := c.records(n)
				for i := range stores {
					which := (i + n) % 2 // the first of two is slower or faster
					before, began := stores[which].wal(b), time.Now()
					stores[which].store(b, records)
					took[which] += time.Since(began)
					wal[which] += stores[which].wal(b) - before
				}
			}
			stored := float64(b.N) * benchPage
			if c.isLoaded {
				require.Equal(b, c.recorded*int64(b.N), *stores[1].at.Changes)
			}
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "times-as-long")
			b.ReportMetric(stored/took[0].Seconds(), "records/s-off")
			b.ReportMetric(stored/took[1].Seconds(), "records/s-on")
			b.ReportMetric(float64(wal[0])/stored, "WAL-bytes/record-off")
			b.ReportMetric(float64(wal[1])/stored, "WAL-bytes/record-on")
			if changes := *stores[1].at.Changes; changes > 1 {
				var size int64
				require.NoError(b, stores[1].pool.QueryRow(b.Context(), "select pg_total_relation_size('raw.changes')").Scan(&size))
				b.ReportMetric(float64(size)/float64(changes), "bytes/change")
			}
		})
	}
}
