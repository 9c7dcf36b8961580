package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// nickname identifies a person wherever lazisync stores it.
const nickname = "Ada-Erasable"

// mentions returns the tables of lazisync and the messages of its streams with the nickname or an id.
func (w *fixture) mentions(t *testing.T, id string) (places []string) {
	t.Helper()
	tables := value[[]string](t, w, "select array_agg(format('%I.%I', schemaname, tablename)) from pg_tables where schemaname in ('raw', 'raw_rebuild')")
	for _, name := range tables {
		// The text of bytea is hexadecimal.
		found := value[bool](t, w, `select exists (select from `+name+` r, unnest(array[$1, $2]::text[]) word
			where r::text ~ ('\m' || word || '\M') or r::text like '%' || encode(convert_to(word, 'UTF8'), 'hex') || '%')`, id, nickname)
		if found {
			places = append(places, name)
		}
	}
	word := regexp.MustCompile(`\b(` + id + `|` + nickname + `)\b`)
	for _, name := range []string{"SYNC_COMMANDS", "SYNC_EVENTS", "SYNC_DEADLETTER", "SYNC_PROGRESS", "SYNC_INCIDENTS", "SYNC_ADVISORIES"} {
		s, err := w.js.Stream(t.Context(), name)
		require.NoError(t, err)
		state := s.CachedInfo().State
		for sequence := state.FirstSeq; sequence <= state.LastSeq && state.Msgs > 0; sequence++ {
			if m, err := s.GetMsg(t.Context(), sequence); err == nil && word.MatchString(fmt.Sprint(m.Header, string(m.Data))) {
				places = append(places, name+" "+m.Subject)
			}
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// erase runs lazisync erase until no run prevents it, and returns what it printed.
func (w *fixture) erase(t *testing.T, args ...string) (printed result) {
	t.Helper()
	require.Eventually(t, func() bool {
		printed = w.run(t, append([]string{"erase"}, args...)...)
		return !strings.Contains(printed.errors, "is not published yet")
	}, waitLimit, tick)
	return printed
}

func TestEraseLeavesOnlyTheAuditTrail(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 300, ExportPageSize: 50}})
	w.set = []string{"SYNC_CHANGES=on"}
	w.migrate(t)
	w.start(t, "serve")
	company := w.stack.Simulator
	require.NoError(t, company.AddFault(simulator.Fault{Kind: "malformedRecord", Value: `"` + nickname + `" "`, Entity: "customers", On: "export", Skip: 1, Count: 3}))
	w.completed(t, w.request(t, `{"mode":"full","entities":["customers"]}`))
	id := value[string](t, w, "select st_id from raw.rejected_records where st_id <> ''")
	require.Greater(t, len(id), 5, "an id that is in no count")

	// The record is read by a refresh, verified and named by a command that is rejected.
	inserted := w.completed(t, w.request(t, `{"mode":"incremental","entities":["customers"],"ids":["`+id+`"],"reason":"asked by `+id+`"}`))
	require.EqualValues(t, 1, *inserted.Results[0].Changes)
	_, err := w.sql.Exec(t.Context(), `update raw.st_customers set full_data = jsonb_set(full_data, '{name}', to_jsonb($1::text)) where st_id = $2`, nickname, id)
	require.NoError(t, err)
	verified := w.completed(t, w.request(t, `{"mode":"verify","entities":["customers"]}`))
	require.Equal(t, []string{id}, verified.Results[0].Differences.Sample)
	w.publish(t, "sync.requested", `{"mode":"incremental","entities":["customers"],"ids":["`+id+`"],"nickname":"`+nickname+`"}`)
	w.rejected(t, func(d events.RejectedData) bool { return d.Code == events.CodeInvalidData })
	require.Zero(t, w.run(t, "deadletter", "dismiss", "1", "--reason", "a test").code)

	// Another tenant has a record with the same id.
	_, err = w.sql.Exec(t.Context(), `insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (1, $1, '{}', now(), 1)`, id)
	require.NoError(t, err)
	w.publish(t, "sync.requested", `{"tenantId":"1","mode":"incremental","entities":["customers"],"ids":["`+id+`"]}`)
	w.rejected(t, func(d events.RejectedData) bool { return d.Code == events.CodeUnknownTenant })
	planted := []string{
		"SYNC_COMMANDS sync.requested", "SYNC_DEADLETTER deadletter.sync.requested", "SYNC_EVENTS sync.completed",
		"raw.changes", "raw.rejected_records", "raw.st_customers", "raw.sync_cursors", "raw.sync_requests", "raw.sync_runs",
	}
	require.Equal(t, planted, w.mentions(t, id))

	dry := w.erase(t, "customers", id)
	require.Zero(t, dry.code, dry.errors)
	require.Contains(t, dry.out, "Nothing was changed; --yes erases.")
	for _, place := range planted {
		place, _, _ = strings.Cut(place, " ")
		require.Regexp(t, `(?m)^`+place+` +\d+ +(deleted|redacted)$`, dry.out)
	}
	require.Equal(t, planted, w.mentions(t, id))
	require.Equal(t, 2, w.run(t, "erase", "customers", id, "--tenant", "1", "--yes").code)

	done := w.erase(t, "customers", id, "--yes", "--json")
	require.Zero(t, done.code, done.errors)
	var view struct {
		Erased bool
		Places []struct{ Place string }
		Kept   []any
	}
	require.NoError(t, json.Unmarshal([]byte(done.out), &view))
	require.True(t, view.Erased)
	require.Empty(t, view.Kept)
	require.Len(t, view.Places, len(planted)+1, "and the dismissal of the dead letter")
	require.EqualValues(t, 1, value[int64](t, w, "select count(*) from raw.st_customers where st_id = $1 and tenant_id = 1", id))
	_, err = w.sql.Exec(t.Context(), "delete from raw.st_customers where tenant_id = 1")
	require.NoError(t, err)
	left := w.stored(t, "SYNC_DEADLETTER")
	require.Len(t, left, 1)
	require.Contains(t, string(left[0].data), `"tenantId":"1"`)
	require.Equal(t, []string{"SYNC_COMMANDS sync.requested", "SYNC_DEADLETTER deadletter.sync.requested", "raw.sync_audit"}, w.mentions(t, id),
		"the command of the other tenant, and the audit trail")
	require.Equal(t, "record.erase tester customers/"+id, value[string](t, w, "select action || ' ' || actor || ' ' || target from raw.sync_audit"))
	require.Contains(t, value[string](t, w, "select reason from raw.sync_audit"), "raw.st_customers 1 deleted")

	histories := &probe{fixture: w, secrets: []string{id}} // the error that quotes the nickname is in one
	histories.readHistories(t)
	histories.requireFound(t, map[string]string{"the history of incremental-sync-": "RefreshSlice"})
	histories.requireAbsent(t)

	again := w.erase(t, "customers", id, "--yes")
	require.Zero(t, again.code, again.errors)
	require.Contains(t, again.out, "There is nothing to erase of customers ")
	w.completed(t, w.request(t, `{"mode":"incremental","entities":["customers"],"ids":["`+id+`"]}`))
	require.EqualValues(t, 1, value[int64](t, w, "select count(*) from raw.st_customers where st_id = $1", id), "ServiceTitan still shows the record")
	require.Zero(t, value[int64](t, w, "select count(*) from raw.sync_restores"), "the bridge does not take the erased command for a restore")
}

// A run may have read the record before, and would store it afterwards.
func TestEraseIsRefusedWhileARunReadsTheTable(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 600, ExportPageSize: 50}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(pageTime)
	requestID := w.request(t, `{"mode":"full","entities":["customers"]}`)
	w.awaitPages(t, 2)
	refused := w.run(t, "erase", "customers", "42", "--yes")
	require.Equal(t, 1, refused.code, refused.out)
	require.Regexp(t, `nothing was erased: run \d+ \(full\) reads customers: wait until it has ended, or end it with lazisync cancel full-sync-`, refused.errors)
	other := w.run(t, "erase", "jobs", "42", "--yes")
	require.Zero(t, other.code, other.errors)
	w.stack.Simulator.SetPace(0)
	w.completed(t, requestID)
	require.Zero(t, w.erase(t, "customers", "42", "--yes").code)
}
