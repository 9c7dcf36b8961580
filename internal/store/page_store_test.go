package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// counts are what a page added to a position.
func counts(before, after ledger.Position) events.Counts {
	return events.Counts{
		Pages: after.Pages - before.Pages, Fetched: after.Fetched - before.Fetched, Inserted: after.Inserted - before.Inserted,
		Updated: after.Updated - before.Updated, Unchanged: after.Unchanged - before.Unchanged, Deleted: after.Deleted - before.Deleted,
		Rejected: after.Rejected - before.Rejected,
	}
}

func gone(r entity.Record) entity.Record {
	r.Deleted = true
	return r
}

func TestTypedColumns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := find(t, "invoices")
	run := f.beginFull("r", "invoices")
	raw := `{"id": 7, "modifiedOn": "2026-03-01T12:00:00.1234567Z", "referenceNumber": 15, "active": true, "total": "12345678901234567890.10",
		"subTotal": 99.90, "balance": "twelve", "customer": {"id": 9007199254740993}, "job": null, "businessUnit": {"id": "x"},
		"createdOn": "2026-02-28T23:59:59.9999999Z", "paidOn": "2026-02-30T00:00:00Z"}`
	f.storePage(run, e, f.open(run, e), page(at(0), "1", true, entity.Record{ID: "7", ModifiedOn: at(0), Raw: []byte(raw)}))

	require.Equal(t, "15 true 12345678901234567890.10 99.90 <NULL> 9007199254740993 <NULL> <NULL> 2026-02-28 23:59:59.999999+00 <NULL>", get[string](f, `
		select format('%s %s %s %s %s %s %s %s %s %s', reference_number, case active when true then 'true' end, total, sub_total,
			coalesce(balance::text, '<NULL>'), customer_id, coalesce(job_id::text, '<NULL>'), coalesce(business_unit_id::text, '<NULL>'),
			created_on at time zone 'UTC' || '+00', coalesce(paid_on::text, '<NULL>')) from raw.st_invoices`))
	require.Equal(t, run.Number, get[int64](f, "select run_number from raw.st_invoices"))
	require.True(t, get[bool](f, "select full_data = $1::jsonb from raw.st_invoices", raw))
}

// footprint is everything that a write would change: where each row lies, and who wrote or locked it.
func (f *fixture) footprint(table string) string {
	f.Helper()
	return get[string](f, fmt.Sprintf("select md5(string_agg(format('%%s %%s %%s', ctid, xmin, xmax), ',' order by st_id)) from raw.st_%s", table))
}

func TestUnchangedRowsWriteNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	records := make([]entity.Record, 2000)
	for i := range records {
		records[i] = customer(i+1, at(0), "a name that takes up a little room")
	}
	records[5] = gone(records[5])
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", false, records...))
	before := f.footprint("customers")

	again := f.storePage(run, c, p, page(at(1), "2", false, records...))
	require.Equal(t, before, f.footprint("customers"))
	require.Equal(t, events.Counts{Pages: 1, Fetched: 2000, Unchanged: 2000}, counts(p, again))
}

func TestRepeatedRecordsInAPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(3), "1", false,
		customer(2, at(0), "only"), customer(1, at(2), "newest"), customer(1, at(2), "newest and last"), customer(1, at(1), "older")))
	require.Equal(t, "newest and last", f.version(1).Name)
	require.Equal(t, events.Counts{Pages: 1, Fetched: 4, Inserted: 2, Unchanged: 2}, p.Counts)
}

func TestRejectedRecords(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	records := make([]entity.Record, 100)
	for i := range records {
		records[i] = customer(i+1, at(0), "good")
	}
	records[17].Raw = []byte(`{"id": 18, "name": "\u0000"}`)
	records[18].Raw = []byte(`{"id": 19, "balance": 1e200000}`)
	records[60].Raw = []byte(`{"id": 61, "name": `)
	records[61].Raw = nil
	records[99].ID = "99999999999999999999"
	p := page(at(0), "1", true, records...)
	p.Rejected = []entity.Rejected{{Reason: "id: got nothing, want an integer\x00", Raw: []byte{0xff, 0}}}

	got := f.storePage(run, c, f.open(run, c), p)
	require.Equal(t, events.Counts{Pages: 1, Fetched: 101, Inserted: 95, Rejected: 6}, got.Counts)
	require.Equal(t, int64(95), f.state(c).Records)

	rows, err := f.db.Query(t.Context(), "select st_id || ': ' || reason from raw.rejected_records where run_number = $1 order by st_id", run.Number)
	require.NoError(t, err)
	reasons, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		": id: got nothing, want an integer\uFFFD",
		"18: PostgreSQL: unsupported Unicode escape sequence (SQLSTATE 22P05)",
		"19: PostgreSQL: value overflows numeric format (SQLSTATE 22003)",
		"61: PostgreSQL: invalid input syntax for type json (SQLSTATE 22P02)",
		"62: PostgreSQL: invalid input syntax for type json (SQLSTATE 22P02)",
		`99999999999999999999: id: got "99999999999999999999", want a 64-bit integer`,
	}, reasons)
	require.Equal(t, records[17].Raw, get[[]byte](f, "select bytes from raw.rejected_records where st_id = '18'"))
}

func TestPageWithoutRecords(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", true))
	require.Equal(t, events.StatusCompleted, p.Status)
	require.Equal(t, events.Counts{Pages: 1}, p.Counts)

	_, err := f.StorePage(t.Context(), run.Target(c), p, entity.Page{})
	require.ErrorContains(t, err, "the page has no date")
}

func TestTextKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := entity.Entity{Name: "gadgets", Export: "/x", Key: entity.TextID}
	f.exec(`create table raw.st_gadgets (tenant_id bigint, st_id text, modified_on timestamptz, full_data jsonb not null,
		fetched_at timestamptz, run_number bigint, deleted_at timestamptz, fingerprint uuid, primary key (tenant_id, st_id))`)
	run := f.beginFull("r", "gadgets")
	record := func(id string) entity.Record {
		return entity.Record{ID: id, ModifiedOn: at(0), Raw: []byte(`{}`)}
	}
	p := f.storePage(run, e, f.open(run, e), page(at(0), "1", false, record("b/2"), record("a/1"), record("a/1"), record("nul\x00")))
	require.Equal(t, events.Counts{Pages: 1, Fetched: 4, Inserted: 2, Unchanged: 1, Rejected: 1}, p.Counts)

	var ids []string
	require.NoError(t, f.Rows(t.Context(), tenant, e, func(id string, _ time.Time, _ bool, _ []byte) error {
		ids = append(ids, id)
		return nil
	}))
	require.Equal(t, []string{"a/1", "b/2"}, ids)
}

func TestFencing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.open(run, c)
	f.storePage(run, c, p, page(at(0), "1", false, customer(1, at(0), "first")))

	_, err := f.StorePage(t.Context(), run.Target(c), p, page(at(1), "1", false, customer(1, at(1), "late"), customer(2, at(1), "late")))
	require.ErrorIs(t, err, ledger.ErrFenced)
	require.Equal(t, "first", f.version(1).Name)
	require.Equal(t, int64(1), get[int64](f, "select count(*) from raw.st_customers"))

	p = f.open(run, c)
	require.Equal(t, "1", p.Cursor.Token)
	done := f.storePage(run, c, p, page(at(2), "2", true))
	_, err = f.StorePage(t.Context(), run.Target(c), done, page(at(3), "3", true))
	require.ErrorIs(t, err, ledger.ErrFenced, "nothing follows the last page")

	_, err = f.StorePage(t.Context(), run.Target(find(t, "jobs")), done, page(at(3), "3", true))
	require.ErrorIs(t, err, ledger.ErrFenced, "the run has no position in the entity")
	run.Number++
	_, err = f.StorePage(t.Context(), run.Target(c), done, page(at(3), "3", true))
	require.ErrorIs(t, err, ledger.ErrUnknown, "there is no such run")
}

func TestOneOfManyWritersStoresEachPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.open(run, c)
	const writers = 6
	errs := make(chan error, writers)
	for range writers {
		go func() {
			_, err := f.StorePage(t.Context(), run.Target(c), p, page(at(0), "1", false, customer(1, at(0), "x")))
			errs <- err
		}()
	}
	var stored int
	for range writers {
		if err := <-errs; err == nil {
			stored++
		} else {
			require.ErrorIs(t, err, ledger.ErrFenced)
		}
	}
	require.Equal(t, 1, stored)
	require.Equal(t, events.Counts{Pages: 1, Fetched: 1, Inserted: 1}, f.open(run, c).Counts)
}

func TestAFinalizedRunStoresNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", false, customer(1, at(0), "x")))
	f.finalize(run, ledger.Finalization{State: ledger.Cancelled})

	_, err := f.StorePage(t.Context(), run.Target(c), p, page(at(1), "2", false, customer(2, at(0), "x")))
	require.ErrorIs(t, err, ledger.ErrFinalized)
	_, err = f.Open(t.Context(), run.Target(c))
	require.ErrorIs(t, err, ledger.ErrFinalized)
	err = f.FailEntity(t.Context(), run.Target(c), p, events.RunError{Type: events.NotFound})
	require.ErrorIs(t, err, ledger.ErrFinalized)
	require.Equal(t, int64(1), get[int64](f, "select count(*) from raw.st_customers"))
}

// TestLiveRowsUnderConcurrency runs a full and an incremental sync that write the same
// rows at once, some of them deleted by both, and counts afterwards.
func TestLiveRowsUnderConcurrency(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	first := f.beginFull("first", "customers")
	f.storePage(first, c, f.open(first, c), page(at(0), "0", true))
	f.finalize(first, ledger.Finalization{State: ledger.Completed})

	full, inc := f.beginFull("full", "customers"), f.beginIncremental("inc", 1, "customers")
	failed := make(chan error, 2)
	for n, run := range []ledger.Run{full, inc} {
		go func() {
			p, err := f.Open(t.Context(), run.Target(c))
			for round := 0; round < 20 && err == nil; round++ {
				var records []entity.Record
				for id := 1; id <= 50; id++ {
					r := customer((id*7)%50+1, at(round), fmt.Sprint(n, round))
					r.Deleted = (id+round+n)%3 == 0
					records = append(records, r)
				}
				p, err = f.StorePage(t.Context(), run.Target(c), p, page(at(round+n), fmt.Sprint(round), false, records...))
			}
			failed <- err
		}()
	}
	require.NoError(t, <-failed)
	require.NoError(t, <-failed)
	require.Equal(t, get[int64](f, "select count(*) from raw.st_customers where deleted_at is null"), f.state(c).Records)
}

// TestPagesFindRowsByTheirKey fills a table that was never analyzed. PostgreSQL takes it for nearly empty,
// and must not read all rows of the tenant for a page.
func TestPagesFindRowsByTheirKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	jobs := find(t, "jobs")
	f.exec("alter table raw.st_jobs set (autovacuum_enabled = false)")
	run := f.beginFull("r", "jobs")
	p := f.open(run, jobs)
	const pages, size = 4, 500
	for n := range 3 * pages { // inserted, the same again, changed
		var records []entity.Record
		for i := range size {
			id := n%pages*size + i + 1
			raw := fmt.Sprintf(`{"id": %d, "jobNumber": "%d", "summary": "version %d"}`, id, id, n/pages/2)
			records = append(records, entity.Record{ID: fmt.Sprint(id), ModifiedOn: at(n / pages / 2), Raw: []byte(raw)})
		}
		p = f.storePage(run, jobs, p, page(at(n), fmt.Sprint(n), false, records...))
	}
	require.Equal(t, events.Counts{Pages: 3 * pages, Fetched: 3 * pages * size, Inserted: pages * size, Updated: pages * size, Unchanged: pages * size}, p.Counts)

	f.Close() // its connections report what they did
	scans := func(index string) int64 {
		return get[int64](f, "select idx_scan from pg_stat_user_indexes where indexrelid = to_regclass($1)", index)
	}
	require.Eventually(t, func() bool { return scans("raw.st_jobs_pkey") >= 3*pages*size }, time.Minute, 10*time.Millisecond, "the statistics arrive")
	require.Zero(t, scans("raw.st_jobs_run"))
	require.Zero(t, get[int64](f, "select seq_tup_read from pg_stat_user_tables where relid = to_regclass('raw.st_jobs')"))
}

// A page may have a warning about each of its records, with its place: thousands of them, all different.
func TestAPositionKeepsFewWarningsAndCountsTheOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	position := f.open(run, c)
	warned := func(from, n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprint("odd at byte ", from+i)
		}
		return all
	}
	first := page(at(0), "1", false)
	first.Warnings = append(warned(0, 3), "odd at byte 1")
	position = f.storePage(run, c, position, first)
	require.Equal(t, warned(0, 3), position.Warnings)
	for i := range 3 {
		next := page(at(1), "2", i == 2)
		next.Warnings = warned(5000*i, 5000)
		position = f.storePage(run, c, position, next)
	}
	require.Equal(t, append(warned(0, ledger.MaxWarnings), "and 14,980 more warnings"), position.Warnings)
	require.EqualValues(t, ledger.MaxWarnings, get[int](f, "select cardinality(warnings) from raw.sync_cursors"))
	run, err := f.Finalize(t.Context(), run.Ref(), ledger.Finalization{State: ledger.Completed})
	require.NoError(t, err)
	require.Equal(t, position.Warnings, run.Results[0].Warnings)
}

// Earlier versions kept all warnings.
func TestThePositionOfAnEarlierVersionIsReadWithFewWarnings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	f.open(run, c)
	f.exec("update raw.sync_cursors set warnings = array(select 'odd ' || n from generate_series(1, 15000) as n)")
	position := f.open(run, c)
	require.Len(t, position.Warnings, ledger.MaxWarnings+1)
	require.Equal(t, "and 14,980 more warnings", position.Warnings[ledger.MaxWarnings])
	next := page(at(0), "1", true)
	next.Warnings = []string{"odd 1", "another"}
	position = f.storePage(run, c, position, next)
	require.Equal(t, "and 14,981 more warnings", position.Warnings[ledger.MaxWarnings])
}
