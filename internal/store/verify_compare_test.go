package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// job is a record of jobs that changed at a minute.
func job(id, minute int, status string) entity.Record {
	raw := fmt.Sprintf(`{"id": %d, "jobStatus": %q, "active": true, "total": 12.50, "modifiedOn": %q}`, id, status, at(minute).Format(time.RFC3339))
	return entity.Record{ID: fmt.Sprint(id), ModifiedOn: at(minute), Raw: []byte(raw)}
}

// deletedJob is a record of a deleted job.
func deletedJob(id, minute int) entity.Record {
	raw := fmt.Sprintf(`{"id": %d, "active": false, "modifiedOn": %q}`, id, at(minute).Format(time.RFC3339))
	return entity.Record{ID: fmt.Sprint(id), ModifiedOn: at(minute), Deleted: true, Raw: []byte(raw)}
}

// jobs are ten records that changed at minute 0; job 11 has no version, 12 is deleted.
func jobs() (records []entity.Record) {
	for id := 1; id <= 10; id++ {
		records = append(records, job(id, 0, "Scheduled"))
	}
	undated := entity.Record{ID: "11", Raw: []byte(`{"id": 11, "jobStatus": "Hold", "active": true, "modifiedOn": null}`)}
	return append(records, undated, deletedJob(12, 0))
}

// verified is a verify that has read its first look.
type verified struct {
	*fixture
	run    ledger.Run
	entity entity.Entity
	at     ledger.Position
}

// beginVerify begins a verify that reads pages at a minute.
func (f *fixture) beginVerify(eventID string, e entity.Entity, minute int, pages ...entity.Page) *verified {
	f.Helper()
	q := request(events.Verify, eventID, e.Name)
	f.receive(q)
	run, found, err := f.BeginRun(f.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Verify, WorkflowID: q.WorkflowID, FirstRunID: "exec-" + eventID, Pass: 1, RequestID: q.ID,
	})
	require.NoError(f, err)
	require.True(f, found)
	v := &verified{fixture: f, run: run, entity: e}
	if len(pages) > 0 {
		v.at = f.load(run, e, minute, pages...)
	}
	return v
}

// compare finds the candidates.
func (v *verified) compare() *verified {
	v.Helper()
	var err error
	require.Equal(v, events.PhaseComparing, v.at.Phase)
	v.at, err = v.CompareStaged(v.Context(), v.run.Target(v.entity), v.at)
	require.NoError(v, err)
	return v
}

// lookAgain continues the feed at a minute, which returns the records that have changed.
func (v *verified) lookAgain(minute int, changed ...entity.Record) *verified {
	v.Helper()
	if v.at.Phase == events.PhaseSweeping {
		v.at = v.storePage(v.run, v.entity, v.at, page(at(minute), "end", true, changed...))
	}
	return v
}

// end confirms the differences.
func (v *verified) end() events.Differences {
	v.Helper()
	require.Equal(v, events.PhaseChecking, v.at.Phase)
	var err error
	v.at, err = v.CheckRebuild(v.Context(), v.run.Target(v.entity), v.at, -1)
	require.NoError(v, err)
	require.Equal(v, events.StatusCompleted, v.at.Status)
	require.Zero(v, get[int](v.fixture, "select count(*) from pg_class where relnamespace = 'raw_rebuild'::regnamespace and relname ~ $1",
		fmt.Sprintf("^run_%d(_|$)", v.run.Number)), "the entity is done")
	result := v.finalize(v.run, completed).Results[0]
	require.Equal(v, v.at.Differences, result.Differences)
	return *result.Differences
}

// silently makes a statement run no triggers, as a program that disables them.
func silently(statement string) string {
	return "begin; set local session_replication_role = replica; " + statement + "; commit"
}

func TestVerifyFindsEveryKindOfDamage(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	f.fullRead("a", e, 60, entity.Page{Records: jobs()})
	f.exec("create table original as table raw.st_jobs")
	one := func(d events.Differences, id string) events.Differences { d.Sample = []string{id}; return d }
	missing, extra := one(events.Differences{Missing: 1}, "3"), one(events.Differences{Extra: 1}, "99")
	stale, damaged, none := one(events.Differences{Stale: 1}, "3"), one(events.Differences{Damaged: 1}, "3"), events.Differences{Sample: []string{}}
	const older = `full_data || '{"jobStatus": "Hold", "modifiedOn": "2026-02-01T00:00:00Z"}'`
	for i, c := range []struct {
		name, sql string
		want      events.Differences
	}{
		{"nothing", "select", none},
		{"lost", "delete from raw.st_jobs where st_id = 3", missing},
		{"lost with its tenant", "update raw.st_jobs set tenant_id = 43 where st_id = 3", missing},
		{"renamed", "update raw.st_jobs set st_id = 99 where st_id = 3", events.Differences{Missing: 1, Extra: 1, Sample: []string{"99", "3"}}},
		{"added", "insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number) values (42, 99, '{}', '2026-03-01', 1)", extra},
		{"added from the future", "insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number) values (42, 99, '{}', '2100-01-01', 1)", extra},
		{"added as a copy", silently("insert into raw.st_jobs select (r).* from (select jsonb_populate_record(o, '{\"st_id\": 99}') as r from original o where st_id = 3) copy"), extra},
		{"aged", "update raw.st_jobs set full_data = " + older + ", modified_on = '2026-02-01Z' where st_id = 3", stale},
		{"aged silently", silently("update raw.st_jobs set full_data = " + older + ", job_status = 'Hold', modified_on = '2026-02-01Z' where st_id = 3"), stale},
		{"aged in the document only", "update raw.st_jobs set full_data = " + older + " where st_id = 3", damaged},
		{"aged in the column only", "update raw.st_jobs set modified_on = '2026-02-01Z' where st_id = 3", damaged},
		{"no modified_on", "update raw.st_jobs set modified_on = null where st_id = 3", damaged},
		{"typed column", "update raw.st_jobs set job_status = 'Hold' where st_id = 3", damaged},
		{"typed column is null", "update raw.st_jobs set total = null where st_id = 3", damaged},
		{"deleted_at", "update raw.st_jobs set deleted_at = fetched_at where st_id = 3", damaged},
		{"not deleted", "update raw.st_jobs set deleted_at = null where st_id = 12", one(events.Differences{Damaged: 1}, "12")},
		{"document", `update raw.st_jobs set full_data = full_data || '{"total": 13}' where st_id = 3`, damaged},
		{"document, silently", silently(`update raw.st_jobs set full_data = full_data || '{"note": 13}' where st_id = 3`), damaged},
		{"document and fingerprint, silently", silently(`update raw.st_jobs set full_data = full_data || '{"note": 13}', fingerprint = gen_random_uuid() where st_id = 3`), damaged},
		{"empty document", "update raw.st_jobs set full_data = '{}', modified_on = null where st_id = 3", damaged},
		{"a newer version than ServiceTitan has", `update raw.st_jobs set full_data = full_data || '{"modifiedOn": "2100-01-01T00:00:00Z"}', modified_on = '2100-01-01Z' where st_id = 3`, damaged},
		{"fingerprint", "update raw.st_jobs set fingerprint = gen_random_uuid() where st_id = 3", damaged},
		{"document without a version", `update raw.st_jobs set full_data = full_data || '{"jobStatus": "Done"}' where st_id = 11`, one(events.Differences{Damaged: 1}, "11")},
		{"older document without a version", silently(`update raw.st_jobs set full_data = full_data || '{"note": "old"}', fingerprint = gen_random_uuid() where st_id = 11`), one(events.Differences{Stale: 1}, "11")},

		// What is no difference.
		{"no fingerprint", "update raw.st_jobs set fingerprint = null", none},
		{"another time of the read", "update raw.st_jobs set fetched_at = fetched_at + interval '1 day', run_number = 7", none},
		{"another time of the deletion", "update raw.st_jobs set deleted_at = deleted_at - interval '1 day'", none},
		{"the same document in another form", `update raw.st_jobs set full_data = '{"total": 12.5, "id": 3.0, "modifiedOn": "2026-03-01T12:00:00Z", "active": true, "jobStatus": "Scheduled"}' where st_id = 3`, none},
		{"a deleted row is lost", "delete from raw.st_jobs where st_id = 12", none},
		{"a deleted row without a record", "insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number, deleted_at) values (42, 99, '{}', '2026-03-01', 1, '2026-03-01')", none},
		{"a row of another tenant", "insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number) values (43, 99, '{}', '2026-03-01', 1)", none},
	} {
		f.exec(c.sql)
		got := f.beginVerify(fmt.Sprint("v", i), e, 90, entity.Page{Records: jobs()}).compare().lookAgain(91).end()
		require.Equal(t, c.want, got, c.name)
		f.exec(silently("truncate raw.st_jobs; insert into raw.st_jobs table original"))
	}
}

// What changes while a verify reads, or since the last sync, is no difference.
func TestVerifyReportsNothingThatMoves(t *testing.T) {
	t.Parallel()
	incremental := func(f *fixture, e entity.Entity, minute int, records ...entity.Record) {
		run := f.beginIncremental("i", 1, e.Name)
		f.storePage(run, e, f.open(run, e), page(at(minute), "i", true, records...))
		f.finalize(run, completed)
	}
	for name, c := range map[string]struct {
		before func(f *fixture, e entity.Entity) // before the verify
		first  []entity.Record                   // further records of the first look
		middle func(f *fixture, e entity.Entity) // after the first look was read
		then   func(f *fixture, e entity.Entity) // after it was compared
		second []entity.Record
	}{
		"a record that changed since the last sync": {first: []entity.Record{job(3, 50, "Hold")}},
		"a new record":     {first: []entity.Record{job(20, 50, "Scheduled")}},
		"a deleted record": {first: []entity.Record{deletedJob(3, 50)}},
		"a record that an incremental has stored": {
			middle: func(f *fixture, e entity.Entity) { incremental(f, e, 92, job(3, 91, "Hold")) }, second: []entity.Record{job(3, 91, "Hold")},
		},
		"a new record that an incremental has stored": {
			middle: func(f *fixture, e entity.Entity) { incremental(f, e, 92, job(20, 91, "Scheduled")) }, second: []entity.Record{job(20, 91, "Scheduled")},
		},
		"a row that is repaired": {
			before: func(f *fixture, _ entity.Entity) {
				f.exec("update raw.st_jobs set job_status = 'damaged' where st_id = 3")
			},
			then: func(f *fixture, _ entity.Entity) {
				f.exec("update raw.st_jobs set job_status = 'Scheduled' where st_id = 3")
			},
		},
		"a row that is written in between": {
			before: func(f *fixture, _ entity.Entity) {
				f.exec("update raw.st_jobs set job_status = 'damaged' where st_id = 3")
			},
			then: func(f *fixture, _ entity.Entity) {
				f.exec("update raw.st_jobs set job_status = 'still damaged' where st_id = 3")
			},
		},
		"a record that changes in between": {
			before: func(f *fixture, _ entity.Entity) { f.exec("delete from raw.st_jobs where st_id = 3") },
			second: []entity.Record{job(3, 91, "Hold")},
		},
		"a record without a version that changes in between": {
			before: func(f *fixture, _ entity.Entity) { f.exec("delete from raw.st_jobs where st_id = 11") },
			second: []entity.Record{{ID: "11", Raw: []byte(`{"id": 11, "jobStatus": "Done", "active": true, "modifiedOn": null}`)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), find(t, "jobs")
			f.fullRead("a", e, 60, entity.Page{Records: jobs()})
			for _, do := range []*func(*fixture, entity.Entity){&c.before, &c.middle, &c.then} {
				if *do == nil {
					*do = func(*fixture, entity.Entity) {}
				}
			}
			c.before(f, e)
			v := f.beginVerify("v", e, 90, entity.Page{Records: append(jobs(), c.first...)})
			c.middle(f, e)
			v.compare()
			c.then(f, e)
			got := v.lookAgain(93, c.second...).end()
			require.Zero(t, got.Total(), "%+v", got)
		})
	}
}

// A verify writes no row, no resume point, no state and no list of missing rows, whatever runs beside it.
func TestVerifyDisturbsNoOtherRun(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	f.fullRead("a", e, 60, entity.Page{Records: jobs()})
	f.exec("update raw.st_jobs set total = 7 where st_id = 3")
	f.exec("insert into raw.sync_missed (tenant_id, table_name, st_id, run_number) values (42, 'raw.st_jobs', '7', 1)")
	everything := func() []string {
		return get[[]string](f, `select array_agg(row order by row) from (
			select t::text || xmin from raw.st_jobs t union all select s::text || xmin from raw.sync_state s
			union all select m::text || xmin from raw.sync_missed m) all_rows (row)`)
	}
	before := everything()
	first := f.beginVerify("v1", e, 90, entity.Page{Records: jobs()})
	require.EqualValues(t, 1, f.stagingTables())
	second := f.beginVerify("v2", e, 90, entity.Page{Records: jobs()})
	require.EqualValues(t, 2, f.stagingTables())
	require.NotZero(t, first.compare().lookAgain(91).at)
	require.Equal(t, before, everything())

	full := f.beginFull("f", e.Name)
	opened := f.open(full, e)
	_, err := f.Open(t.Context(), f.beginRebuild("r", false).Target(e))
	require.ErrorIs(t, err, ledger.ErrBusy, "for the full sync")
	third := f.beginVerify("v3", e, 90, entity.Page{Records: jobs()})
	f.storePage(full, e, opened, page(at(92), "t", true, jobs()...))
	f.finalize(full, completed)

	d := third.compare().lookAgain(93).end()
	require.Equal(t, events.Differences{Damaged: 1, Sample: []string{"3"}}, d, "a full sync does not see a typed column")
	f.finalize(first.run, ledger.Finalization{State: ledger.Cancelled})
	f.finalize(second.run, ledger.Finalization{State: ledger.Failed})
	require.Zero(t, f.stagingTables())
	require.Equal(t, "completed", f.state(e).Status)
}

func TestVerifyOfATableThatWasNeverSyncedIsSkipped(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	v := f.beginVerify("v", e, 0)
	p := f.open(v.run, e)
	require.Equal(t, events.StatusSkipped, p.Status)
	require.Equal(t, "never fully synced: request a full sync first", p.SkippedReason)
	require.Zero(t, f.stagingTables())
	require.Nil(t, f.finalize(v.run, completed).Results[0].Differences)
}

// Any row may be a record that was read without an id, or that cannot be stored.
func TestVerifyReportsNoExtraRowThatMayBeARecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rejected []entity.Rejected
		extra    int64
	}{
		"every record is known": {nil, 1},
		"without an id":         {[]entity.Rejected{{Reason: "no id", Raw: []byte("{}")}}, 0},
		"rejected":              {[]entity.Rejected{{ID: "3", Reason: "not JSON", Raw: []byte("{")}}, 0},
		"another is rejected":   {[]entity.Rejected{{ID: "4", Reason: "not JSON", Raw: []byte("{")}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t), find(t, "jobs")
			f.fullRead("a", e, 60, entity.Page{Records: jobs()})
			without3 := append(jobs()[:2], jobs()[3:]...)
			d := f.beginVerify("v", e, 90, entity.Page{Records: without3, Rejected: c.rejected}).compare().lookAgain(91).end()
			require.Equal(t, c.extra, d.Extra, "%+v", d)
		})
	}
}

func TestVerifyWithTooFewRecordsFails(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	f.fullRead("a", e, 60, entity.Page{Records: jobs()})
	v := f.beginVerify("v", e, 90, entity.Page{Records: jobs()}).compare()
	p, err := f.CheckRebuild(t.Context(), v.run.Target(e), v.at, 1000)
	require.NoError(t, err)
	require.Equal(t, events.StatusFailed, p.Status)
	require.Equal(t, events.APIError, p.Error.Type)
	require.Nil(t, p.Differences)
	require.Equal(t, "completed", f.state(e).Status, "of the full sync")
	require.Equal(t, ledger.Failed, f.finalize(v.run, completed).State)
	require.Zero(t, f.stagingTables())
}

// While lazisync migrate fills a new column, rows without a value in it are not damaged.
func TestVerifyComparesNoColumnThatIsNotFilled(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	f.fullRead("a", e, 60, entity.Page{Records: jobs()})
	f.exec(silently("update raw.st_jobs set total = null"))
	f.exec("update raw.sync_columns set filled_by = '' where table_name = 'raw.st_jobs'")
	v := f.beginVerify("v", e, 90, entity.Page{Records: jobs()}).compare()
	d := v.end()
	require.Zero(t, d.Total(), "%+v", d)
	require.Equal(t, []string{"typed columns were not compared: lazisync migrate has not filled new ones yet"}, v.at.Warnings)
}

// A step that is repeated, because its response was lost, is done once.
func TestStepsOfAVerifyAreFenced(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "jobs")
	f.fullRead("a", e, 60, entity.Page{Records: jobs()})
	f.exec("delete from raw.st_jobs where st_id = 3")
	v := f.beginVerify("v", e, 90, entity.Page{Records: jobs()})
	before := v.at
	v.compare()
	_, err := f.CompareStaged(t.Context(), v.run.Target(e), before)
	require.ErrorIs(t, err, ledger.ErrFenced)
	_, err = f.CompareStaged(t.Context(), v.run.Target(e), v.at)
	require.ErrorContains(t, err, `phase "sweeping", want "comparing"`)
	require.EqualValues(t, 1, v.lookAgain(91).end().Missing)
	require.ErrorIs(t, f.FailEntity(t.Context(), v.run.Target(e), v.at, events.RunError{}), ledger.ErrFinalized)
}

// A record that cannot be stored, or has no id, may be that of a candidate.
func TestSecondLookDropsCandidatesWhoseRecordIsUnknown(t *testing.T) {
	t.Parallel()
	f, e := newFixture(t), find(t, "ap_bills")
	s, err := store.Open(t.Context(), f.url, store.Options{Entities: append([]entity.Entity{e}, few...)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	f.Store = s
	var bills []entity.Record
	for id := 1; id <= 5; id++ {
		bills = append(bills, job(id, 0, "x"))
	}
	f.fullRead("a", e, 60, entity.Page{Records: bills})
	f.exec("delete from raw.st_ap_bills where st_id < 5")
	unknown := entity.Rejected{Reason: "no id", Raw: []byte("{}")}
	for name, c := range map[string]struct {
		rejected []entity.Rejected
		sample   []string
		counted  int64
	}{
		"all": {nil, []string{"1", "2", "3", "4"}, 0},
		"id":  {[]entity.Rejected{unknown}, []string{"1", "2"}, 1},
		"4":   {[]entity.Rejected{{ID: "4", Reason: "not JSON", Raw: []byte("{")}}, []string{"1", "2", "3"}, 1},
	} {
		v := f.beginVerify(name, e, 90, entity.Page{Records: bills}).compare()
		found := bills[:2]
		if c.rejected == nil {
			found = bills[:4]
		}
		if name == "4" {
			found = bills[:3]
		}
		ids, err := f.MissingIDs(t.Context(), v.run.Target(e), 50)
		require.NoError(t, err)
		require.Equal(t, []string{"1", "2", "3", "4"}, ids)
		v.at, err = f.StoreLookup(t.Context(), v.run.Target(e), v.at, ids, entity.Page{Records: found, Rejected: c.rejected, Date: at(91)})
		require.NoError(t, err)
		require.Equal(t, c.counted, v.at.Rejected, name)
		require.Equal(t, c.sample, v.end().Sample, name)
	}
}
