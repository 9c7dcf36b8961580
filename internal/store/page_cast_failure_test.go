package store_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// drifted is a row of raw.schema_drift.
type drifted struct {
	Column, ID, Example string
	Records             int64
}

func (f *fixture) drift(run int64) []drifted {
	f.Helper()
	rows, err := f.db.Query(f.Context(), `
		select column_name, st_id, example, records from raw.schema_drift where run_number = $1 order by column_name`, run)
	require.NoError(f, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[drifted])
	require.NoError(f, err)
	return found
}

// TestCastFailures stores values whose types are not those of their columns. What is
// empty is not drift, and an unchanged record is not counted again.
func TestCastFailures(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var log bytes.Buffer
	listened, err := store.Open(t.Context(), f.url, store.Options{Entities: few, Logger: zerolog.New(&log).Level(zerolog.WarnLevel)})
	require.NoError(t, err)
	t.Cleanup(listened.Close)
	f.Store = listened

	e := find(t, "invoices")
	record := func(id, fields string) entity.Record {
		return entity.Record{ID: id, ModifiedOn: at(0), Raw: []byte(`{"id":` + id + fields + `}`)}
	}
	first := []entity.Record{
		record("1", `,"total":"12.50","dueDate":"2026-03-01T00:00:00Z","customer":{"id":5}`),
		record("2", `,"total":"twelve","dueDate":1767225600,"customer":{"id":"five"}`),
		record("3", `,"total":{"amount":12},"dueDate":"","customer":null,"active":"maybe"`),
		record("4", `,"total":null,"subTotal":""`),
	}
	run := f.beginFull("r", "invoices")
	p := f.storePage(run, e, f.open(run, e), page(at(0), "1", false, first...))
	require.Equal(t, int64(4), p.Inserted)
	require.Equal(t, []drifted{
		{"active", "3", `"maybe"`, 1},
		{"customer_id", "2", `"five"`, 1},
		{"due_date", "2", `1767225600`, 1},
		{"total", "2", `"twelve"`, 2},
	}, f.drift(run.Number))
	require.Equal(t, "12.50", get[string](f, "select string_agg(total::text, ',') from raw.st_invoices"))

	p = f.storePage(run, e, p, page(at(1), "2", false, append(first, record("5", `,"total":true`))...))
	require.Contains(t, f.drift(run.Number), drifted{"total", "2", `"twelve"`, 3})
	f.storePage(run, e, p, page(at(2), "3", true, record("6", `,"total":"6"`)))

	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 4, "each column is logged once")
	var entry map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[3]), &entry))
	delete(entry, "message")
	require.Equal(t, map[string]any{
		"level": "warn", "tenant": string(tenant), "mode": "full", "run": float64(run.Number), "workflow_id": run.WorkflowID, "entity": "invoices",
		"column": "total", "records": 2.0, "id": "2", "example": `"twelve"`,
	}, entry)
}

// TestCastFailuresInAHalfOfThePage keeps the count right where a page had to be stored in parts.
func TestCastFailuresInAHalfOfThePage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	records := []entity.Record{customer(1, at(0), "a"), customer(2, at(0), "b"), customer(3, at(0), "c"), customer(4, at(0), "d")}
	for i := range records[:3] {
		records[i].Raw = bytes.Replace(records[i].Raw, []byte("12.50"), []byte(`"much"`), 1)
	}
	records[3].Raw = []byte(`{"id": 4, "balance": 1e200000}`) // refused
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", true, records...))
	require.Equal(t, int64(1), p.Rejected)
	require.Equal(t, []drifted{{"balance", "1", `"much"`, 3}}, f.drift(run.Number))
	require.Equal(t, []string{`3 records have a value that does not fit column balance, which is NULL there; record 1 has "much"`}, p.Warnings)
}

// TestWarnings: what pages warn of, and values that do not fit, are in the outcome.
func TestWarnings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	odd := customer(1, at(0), "a")
	odd.Raw = bytes.Replace(odd.Raw, []byte("12.50"), []byte(`[1]`), 1)
	first, again, last := page(at(0), "1", false, odd), page(at(1), "2", false, customer(2, at(0), "b")), page(at(2), "3", true)
	first.Warnings, again.Warnings, last.Warnings = []string{"beware"}, []string{"beware"}, []string{"of nul\x00"}
	p := f.open(run, c)
	require.Empty(t, p.Warnings)
	for _, next := range []entity.Page{first, again, last} {
		p = f.storePage(run, c, p, next)
	}
	want := []string{"beware", "of nul\uFFFD", "1 record has a value that does not fit column balance, which is NULL there; record 1 has [1]"}
	require.Equal(t, want, p.Warnings)
	require.Equal(t, want, f.open(run, c).Warnings)
	require.Equal(t, want, f.finalize(run, ledger.Finalization{State: ledger.Completed}).Results[0].Warnings)
}
