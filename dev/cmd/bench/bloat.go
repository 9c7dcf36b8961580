package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// A month of hourly incremental syncs, of one table.
const (
	monthPasses   = 30 * 24
	monthRows     = 20_000
	monthRecent   = 4_000 // the newest rows, which are those that change
	monthChanges  = 80    // updated rows of a pass
	monthMaxDead  = 50    // autovacuum_vacuum_threshold, its default
	monthTenant   = "1"
	monthDatabase = "bench_month"
)

// vacuuming is a setting of the table. PostgreSQL vacuums a table when its dead rows exceed
// monthMaxDead and scale times its rows; a scale below 0 is never.
type vacuuming struct {
	name  string
	scale float64
	setup string // SQL, "" for none
}

var vacuumings = []vacuuming{
	{"as created, default autovacuum (scale factor 0.2)", 0.2, ""},
	{"scale factor 0.02", 0.02, ""},
	{"never vacuumed", -1, ""},
	{"fillfactor 80, scale factor 0.2", 0.2, "alter table raw.st_customers set (fillfactor = 80)"},
	{"without the index on run_number, scale factor 0.2", 0.2, "drop index raw.st_customers_run"},
}

// month is a table during a simulated month.
type month struct {
	store  *store.Store
	sql    *pgxpool.Pool
	table  entity.Entity
	dead   int
	vacuum int           // vacuums so far
	spent  time.Duration // storing pages
	last   int64         // number of the last run
}

// measureBloat stores a month of incremental syncs with each setting, in a database of their own.
// It vacuums when autovacuum would, which does not run often enough in a month of a minute.
func measureBloat(ctx context.Context, d *deployment) ([]table, error) {
	if err := d.setWorkers(ctx, 0); err != nil {
		return nil, err
	}
	t := table{
		Title: fmt.Sprintf("A month of hourly incremental syncs: %d passes of %d updates and a new row, in a table that begins with %d rows", monthPasses, monthChanges, monthRows),
		Columns: []string{"setting", "vacuums", "HOT updates", "heap (MB)", "after the month", "primary key (MB)", "after the month",
			"index on run_number (MB)", "after the month", "ms per page", "ms to read a run's rows"},
	}
	for _, v := range vacuumings {
		d.progress("a month of incremental syncs: %s", v.name)
		row, err := d.measureMonth(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		d.progress("%v", row)
		t.Rows = append(t.Rows, row)
	}
	return []table{t}, nil
}

func (d *deployment) measureMonth(ctx context.Context, v vacuuming) ([]any, error) {
	for _, statement := range []string{"drop database if exists " + monthDatabase + " with (force)", "create database " + monthDatabase} {
		if _, err := d.sql.Exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	m, err := openMonth(ctx, d.stack.Variable("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	defer m.sql.Close()
	err = m.load(ctx, v.setup)
	before := m.sizes(ctx)
	for n := 1; n <= monthPasses && err == nil; n++ {
		err = m.pass(ctx, n, v.scale)
	}
	m.store.Close() // PostgreSQL counts the updates of a connection at its end
	if err != nil {
		return nil, err
	}
	after, read := m.sizes(ctx), time.Now()
	var rows int
	var hot float64
	if err := m.sql.QueryRow(ctx, "select count(full_data) from raw.st_customers where tenant_id = 1 and run_number = $1", m.last).Scan(&rows); err != nil {
		return nil, err
	}
	took := time.Since(read)
	if rows != monthChanges+1 {
		return nil, fmt.Errorf("rows of the last run: got %d, want %d", rows, monthChanges+1)
	}
	err = m.sql.QueryRow(ctx, "select 100.0 * n_tup_hot_upd / greatest(n_tup_upd, 1) from pg_stat_user_tables where relname = 'st_customers'").Scan(&hot)
	return []any{v.name, m.vacuum, fmt.Sprintf("%.0f %%", hot), before[0], after[0], before[1], after[1], before[2], after[2],
		float64(m.spent.Milliseconds()) / monthPasses, float64(took.Microseconds()) / 1000}, err
}

// openMonth migrates the database.
func openMonth(ctx context.Context, databaseURL string) (*month, error) {
	address, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	address.Path = "/" + monthDatabase
	query := address.Query()
	query.Set("synchronous_commit", "off") // the disk is not measured
	address.RawQuery = query.Encode()
	customers, _ := entity.Find("customers")
	s, err := store.Open(ctx, address.String(), store.Options{MaxConns: 2, Entities: []entity.Entity{customers}})
	if err != nil {
		return nil, err
	}
	if _, err := s.Migrate(ctx); err != nil {
		s.Close()
		return nil, err
	}
	sql, err := pgxpool.New(ctx, address.String())
	if err != nil {
		s.Close()
		return nil, err
	}
	return &month{store: s, sql: sql, table: customers}, nil
}

// load stores the first rows with a full sync. The table is then vacuumed.
func (m *month) load(ctx context.Context, setup string) error {
	for _, statement := range []string{"alter table raw.st_customers set (autovacuum_enabled = false)", setup} {
		if _, err := m.sql.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := m.sync(ctx, events.Full, 0, customers(0, monthRows, 0)); err != nil {
		return err
	}
	_, err := m.sql.Exec(ctx, "vacuum (analyze) raw.st_customers")
	return err
}

// pass stores one incremental sync, and vacuums the table when autovacuum would.
func (m *month) pass(ctx context.Context, n int, scale float64) error {
	newest := monthRows + n
	changed := customers(newest-1, 1, n)
	for i := range monthChanges {
		changed = append(changed, customers(newest-2-(n*monthChanges+i)%monthRecent, 1, n)...)
	}
	began := time.Now()
	if err := m.sync(ctx, events.Incremental, n, changed); err != nil {
		return err
	}
	m.spent += time.Since(began)
	if m.dead += monthChanges; scale < 0 || float64(m.dead) <= monthMaxDead+scale*float64(newest) {
		return nil
	}
	m.dead = 0
	m.vacuum++
	_, err := m.sql.Exec(ctx, "vacuum (analyze) raw.st_customers")
	return err
}

// sync stores one page as a run of its own.
func (m *month) sync(ctx context.Context, mode events.Mode, n int, records []entity.Record) error {
	request := ledger.Request{
		ID: fmt.Sprint("request-", n), Source: "/bench", EventID: fmt.Sprint(n), TenantID: monthTenant, Mode: mode,
		Entities: []string{m.table.Name}, WorkflowID: "month-" + string(mode),
	}
	if _, err := m.store.Receive(ctx, []ledger.Request{request}); err != nil {
		return err
	}
	run, _, err := m.store.BeginRun(ctx, ledger.BeginInput{
		TenantID: monthTenant, Mode: mode, WorkflowID: request.WorkflowID, FirstRunID: "first", Pass: max(1, n), RequestID: request.ID,
	})
	if err != nil {
		return err
	}
	target := run.Target(m.table)
	at, err := m.store.Open(ctx, target)
	if err != nil {
		return err
	}
	page := entity.Page{
		Records: records, Next: entity.Cursor{Feed: entity.Export, Token: fmt.Sprint(n)}, Last: true, Total: -1, Date: timeOf(n),
	}
	if _, err := m.store.StorePage(ctx, target, at, page); err != nil {
		return err
	}
	m.last = run.Number
	_, err = m.store.Finalize(ctx, run.Ref(), ledger.Finalization{State: ledger.Completed})
	return err
}

// sizes returns the MB of the heap with TOAST, of the primary key and of the index on run_number.
func (m *month) sizes(ctx context.Context) (mb [3]float64) {
	for i, what := range []string{"pg_table_size('raw.st_customers')", "pg_relation_size('raw.st_customers_pkey')", "coalesce(pg_relation_size(to_regclass('raw.st_customers_run')), 0)"} {
		var bytes int64
		if m.sql.QueryRow(ctx, "select "+what).Scan(&bytes) == nil {
			mb[i] = float64(bytes) / 1e6
		}
	}
	return mb
}

func timeOf(pass int) time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(pass) * time.Hour)
}

// customers returns records of about 700 bytes as of a pass.
func customers(from, count, pass int) (records []entity.Record) {
	for id := from; id < from+count; id++ {
		raw := fmt.Sprintf(`{"id":%d,"active":true,"name":"Customer %d","type":"Residential","balance":%d.5,"modifiedOn":%q,"notes":"%s"}`,
			id, id, pass, timeOf(pass).Format(time.RFC3339), strings.Repeat(fmt.Sprintf("note %d of %d. ", pass, id), 30))
		records = append(records, entity.Record{ID: fmt.Sprint(id), ModifiedOn: timeOf(pass), Raw: []byte(raw)})
	}
	return records
}
