package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// benchPage is how many records a page of the benchmarks has: the largest a list serves.
const benchPage = entity.MaxPageSize

// benchCustomers makes a page of customers of about 1.2 KB each.
func benchCustomers(from, version int) []entity.Record {
	records := make([]entity.Record, benchPage)
	modified := time.Date(2026, 3, 1, 12, version, 0, 0, time.UTC)
	for i := range records {
		id := from + i
		raw := fmt.Sprintf(`{"id": %d, "active": true, "name": "Customer number %d", "type": "Residential", "balance": %d.50, "version": %d,
			"address": {"street": "%d Long Street", "unit": null, "city": "Springfield", "state": "IL", "zip": "62701", "country": "USA",
				"latitude": 39.%06d, "longitude": -89.%06d}, "customFields": [%s], "createdOn": "2024-01-%02dT09:30:00.1234567Z",
			"createdById": %d, "modifiedOn": "%s", "mergedToId": null, "doNotMail": false, "doNotService": false, "tagTypeIds": [1, 2, 3],
			"externalData": null}`, id, id, id%1000, version, id%999, id, id,
			strings.TrimSuffix(strings.Repeat(`{"typeId": 12345, "name": "How did you hear about us", "value": "From a neighbour"},`, 8), ","),
			id%28+1, id, modified.Format(time.RFC3339Nano))
		records[i] = entity.Record{ID: fmt.Sprint(id), ModifiedOn: modified, Raw: []byte(raw)}
	}
	return records
}

// bench is a store with a run that reads customers.
type bench struct {
	*Store
	entity entity.Entity
	run    ledger.Run
	at     ledger.Position
}

func newBench(b *testing.B) *bench { return newBenchWith(b, "") }

// newBenchWith is newBench with more parameters in the URL.
func newBenchWith(b *testing.B, parameters string) *bench {
	b.Helper()
	ctx := b.Context()
	s, err := Open(ctx, pgtest.Database(b)+parameters, Options{})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	_, err = s.Migrate(ctx)
	require.NoError(b, err)
	e, _ := entity.Find("customers")
	_, err = s.Receive(ctx, []ledger.Request{{ID: "r", TenantID: "1", Mode: events.Full, Entities: []string{e.Name}, WorkflowID: "w"}})
	require.NoError(b, err)
	run, _, err := s.BeginRun(ctx, ledger.BeginInput{TenantID: "1", Mode: events.Full, WorkflowID: "w", FirstRunID: "f", Pass: 1, RequestID: "r"})
	require.NoError(b, err)
	at, err := s.Open(ctx, run.Target(e))
	require.NoError(b, err)
	return &bench{s, e, run, at}
}

func (s *bench) store(b *testing.B, records []entity.Record) {
	b.Helper()
	at, err := s.StorePage(b.Context(), s.run.Target(s.entity), s.at, entity.Page{
		Records: records, Next: entity.Cursor{Feed: entity.Export, Token: "t"}, Total: -1, Date: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(b, err)
	s.at = at
}

// wal is how far the server's log is written.
func (s *bench) wal(b *testing.B) (bytes int64) {
	b.Helper()
	require.NoError(b, s.pool.QueryRow(b.Context(), "select (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&bytes))
	return bytes
}

// measure reports records a second and bytes of WAL a record, of pages that next makes.
func (s *bench) measure(b *testing.B, write func(records []entity.Record), next func(n int) []entity.Record) {
	b.Helper()
	var wal int64
	b.ResetTimer()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		records := next(n)
		before := s.wal(b)
		b.StartTimer()
		write(records)
		b.StopTimer()
		wal += s.wal(b) - before
		b.StartTimer()
	}
	stored := float64(b.N) * benchPage
	b.ReportMetric(stored/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(wal)/stored, "WAL-bytes/record")
}

func BenchmarkStorePage(b *testing.B) {
	cases := map[string]func(n int) []entity.Record{
		"insert":    func(n int) []entity.Record { return benchCustomers(1+n*benchPage, 0) },
		"update":    func(n int) []entity.Record { return benchCustomers(1, n+1) },
		"unchanged": func(int) []entity.Record { return benchCustomers(1, 0) },
	}
	for _, name := range []string{"insert", "update", "unchanged"} {
		b.Run(name, func(b *testing.B) {
			s := newBench(b)
			if name != "insert" {
				s.store(b, benchCustomers(1, 0))
			}
			s.measure(b, func(records []entity.Record) { s.store(b, records) }, cases[name])
		})
	}
}

// BenchmarkRowAtATime is what StorePage is compared with: the same rows, one
// statement each, in one transaction a page.
func BenchmarkRowAtATime(b *testing.B) {
	for _, name := range []string{"insert", "unchanged"} {
		b.Run(name, func(b *testing.B) {
			s := newBench(b)
			write := func(records []entity.Record) { require.NoError(b, s.rowByRow(b.Context(), records)) }
			if name == "unchanged" {
				write(benchCustomers(1, 0))
			}
			s.measure(b, write, func(n int) []entity.Record {
				if name == "unchanged" {
					n = 0
				}
				return benchCustomers(1+n*benchPage, 0)
			})
		})
	}
}

// BenchmarkPageAgainstRows stores pages in one statement and row by row, in turn, and
// reports how many times faster the former is: a figure that a noisy machine leaves
// alone. Of records that are there already a page writes next to no WAL, apart from its
// position.
func BenchmarkPageAgainstRows(b *testing.B) {
	for _, name := range []string{"insert", "unchanged"} {
		b.Run(name, func(b *testing.B) {
			pages, rows := newBench(b), newBench(b)
			next := func(n int) []entity.Record {
				if name == "unchanged" {
					n = 0
				}
				return benchCustomers(1+n*benchPage, 0)
			}
			if name == "unchanged" {
				pages.store(b, next(0))
				require.NoError(b, rows.rowByRow(b.Context(), next(0)))
			}
			var wal int64
			var byPage, byRow time.Duration
			for n := 0; b.Loop(); n++ {
				records, before := next(n), pages.wal(b)
				began := time.Now()
				pages.store(b, records)
				byPage += time.Since(began)
				wal += pages.wal(b) - before
				began = time.Now()
				require.NoError(b, rows.rowByRow(b.Context(), records))
				byRow += time.Since(began)
			}
			b.ReportMetric(byRow.Seconds()/byPage.Seconds(), "times-faster")
			b.ReportMetric(float64(wal)/float64(b.N*benchPage), "WAL-bytes/record")
		})
	}
}

// BenchmarkExecutionModes compares the mode that works through every pooler with pgx's
// default, which keeps prepared statements, in turn: of pages and of short reads. A figure
// below 1 is a loss.
func BenchmarkExecutionModes(b *testing.B) {
	work := map[string]func(b *testing.B, s *bench, n int){
		"page":      func(b *testing.B, s *bench, n int) { s.store(b, benchCustomers(1+n*benchPage, 0)) },
		"unchanged": func(b *testing.B, s *bench, _ int) { s.store(b, benchCustomers(1, 0)) },
		"small":     func(b *testing.B, s *bench, n int) { s.store(b, benchCustomers(1+n*benchPage, 0)[:50]) },
		"run": func(b *testing.B, s *bench, _ int) {
			_, err := s.Run(b.Context(), s.at.Run)
			require.NoError(b, err)
		},
	}
	for _, name := range []string{"page", "unchanged", "small", "run"} {
		b.Run(name, func(b *testing.B) {
			ours, theirs := newBench(b), newBenchWith(b, "&default_query_exec_mode=cache_statement")
			var took [2]time.Duration
			for n := 0; b.Loop(); n++ {
				for i, s := range []*bench{ours, theirs} {
					began := time.Now()
					work[name](b, s, n)
					took[i] += time.Since(began)
				}
			}
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "times-as-fast")
		})
	}
}

func (s *bench) rowByRow(ctx context.Context, records []entity.Record) error {
	return s.transact(ctx, "store row by row", func(tx pgx.Tx) error {
		for _, r := range records {
			if _, err := tx.Exec(ctx, `
				insert into raw.st_customers as t (tenant_id, st_id, name, type, active, balance, merged_to_id, created_on,
					modified_on, full_data, fetched_at, run_number)
				select 1, $1::bigint, raw.to_text(d -> 'name'), raw.to_text(d -> 'type'), raw.to_boolean(d -> 'active'), raw.to_numeric(d -> 'balance'),
					raw.to_bigint(d -> 'mergedToId'), raw.to_timestamptz(d -> 'createdOn'), $2, d, now(), 1 from (select $3::jsonb as d) x
				on conflict (tenant_id, st_id) do update set name = excluded.name, type = excluded.type, active = excluded.active,
					balance = excluded.balance, merged_to_id = excluded.merged_to_id, created_on = excluded.created_on,
					modified_on = excluded.modified_on, full_data = excluded.full_data, fetched_at = excluded.fetched_at, run_number = excluded.run_number
				where t.modified_on <= excluded.modified_on and t.full_data is distinct from excluded.full_data`,
				r.ID, r.ModifiedOn, r.Raw); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkRebuild measures a rebuild of 50,000 rows, loaded and then applied to a table
// that is as it should be, and to one that is damaged throughout.
func BenchmarkRebuild(b *testing.B) {
	const pages = 10
	for name, damage := range map[string]string{"Unchanged": "", "Damaged": "update raw.st_customers set full_data = '{}'"} {
		b.Run(name, func(b *testing.B) {
			s := newBench(b)
			var records [][]entity.Record
			for page := range pages {
				records = append(records, benchCustomers(page*benchPage, 0))
				s.store(b, records[page])
			}
			_, err := s.Finalize(b.Context(), s.run.Ref(), ledger.Finalization{State: ledger.Cancelled})
			require.NoError(b, err)
			var loading, applying time.Duration
			var wal int64
			for n := range b.N {
				if damage != "" {
					_, err := s.pool.Exec(b.Context(), damage)
					require.NoError(b, err)
				}
				began := time.Now()
				run, at := s.load(b, fmt.Sprint("rebuild", n), records)
				loading += time.Since(began)
				written := s.wal(b)
				began = time.Now()
				_, err := s.ApplyRebuild(b.Context(), run.Target(s.entity), at)
				require.NoError(b, err)
				applying += time.Since(began)
				wal += s.wal(b) - written
				_, err = s.Finalize(b.Context(), run.Ref(), ledger.Finalization{State: ledger.Completed})
				require.NoError(b, err)
			}
			rows := float64(b.N * pages * benchPage)
			b.ReportMetric(rows/loading.Seconds(), "loaded/s")
			b.ReportMetric(rows/applying.Seconds(), "applied/s")
			b.ReportMetric(float64(wal)/rows, "WAL-bytes/row")
		})
	}
}

// load begins a rebuild and loads and checks pages of customers.
func (s *bench) load(b *testing.B, id string, pages [][]entity.Record) (ledger.Run, ledger.Position) {
	b.Helper()
	ctx := b.Context()
	_, err := s.Receive(ctx, []ledger.Request{{ID: id, TenantID: "1", Mode: events.Rebuild, Entities: []string{s.entity.Name}, WorkflowID: id}})
	require.NoError(b, err)
	run, _, err := s.BeginRun(ctx, ledger.BeginInput{TenantID: "1", Mode: events.Rebuild, WorkflowID: id, FirstRunID: "f", Pass: 1, RequestID: id})
	require.NoError(b, err)
	at, err := s.Open(ctx, run.Target(s.entity))
	require.NoError(b, err)
	for i, records := range pages {
		at, err = s.StorePage(ctx, run.Target(s.entity), at, entity.Page{
			Records: records, Next: entity.Cursor{Feed: entity.Export, Token: fmt.Sprint(i)}, Last: i == len(pages)-1, Total: -1,
			Date: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
		})
		require.NoError(b, err)
	}
	at, err = s.CheckRebuild(ctx, run.Target(s.entity), at, -1)
	require.NoError(b, err)
	return run, at
}
