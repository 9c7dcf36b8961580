package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// fieldFixture is a fixture whose log and records are seen.
type fieldFixture struct {
	*fixture
	log  *lockedBuffer
	seen *recorded
}

func newFieldFixture(t *testing.T) *fieldFixture {
	f := &fieldFixture{newFixture(t), &lockedBuffer{}, &recorded{statements: map[string]int{}}}
	s, err := store.Open(t.Context(), f.url, store.Options{MaxConns: 12, Entities: few, Logger: zerolog.New(f.log).Level(zerolog.WarnLevel), Recorder: f.seen})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	f.Store = s
	return f
}

// withFields is a page of one customer, whose fields are given.
func withFields(minute int, last bool, fields ...string) entity.Page {
	p := page(at(minute), fmt.Sprint(minute), last, customer(1, at(minute), "Ann"))
	p.Fields = fields
	return p
}

// read reads customers in a run, with pages of these fields, and returns the warnings of the outcome.
func (f *fieldFixture) read(run ledger.Run, pages ...entity.Page) []string {
	f.Helper()
	c := find(f, "customers")
	p := f.open(run, c)
	for _, one := range pages {
		p = f.storePage(run, c, p, one)
	}
	return f.finalize(run, ledger.Finalization{State: ledger.Completed}).Results[0].Warnings
}

// newFields lists the new fields as the command does, each with its run.
func (f *fieldFixture) newFields() (list []string) {
	f.Helper()
	fields, err := f.NewFields(f.Context(), tenant, "customers")
	require.NoError(f, err)
	for _, one := range fields {
		require.Equal(f, tenant, one.TenantID)
		require.Equal(f, "customers", one.Entity)
		require.False(f, one.FirstSeenAt.IsZero())
		list = append(list, fmt.Sprint(one.Field, " ", one.Run))
	}
	return list
}

// logged lists the fields that were logged.
func (f *fieldFixture) logged() (list []string) {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	for line := range strings.Lines(f.log.text.String()) {
		var entry struct{ Message, Field, Entity, Tenant string }
		require.NoError(f, json.Unmarshal([]byte(line), &entry))
		require.Equal(f, "customers "+string(tenant), entry.Entity+" "+entry.Tenant)
		list = append(list, entry.Message+": "+entry.Field)
	}
	return list
}

// What the first full sync finds is the baseline. A later field is reported once, in the outcome of the run
// that has seen it, with what an added object has.
func TestNewFieldsAreReportedOnce(t *testing.T) {
	t.Parallel()
	f := newFieldFixture(t)
	require.Empty(t, f.read(f.beginFull("f1", "customers"), withFields(0, false, "id"), withFields(1, true, "address", "address.city", "id", "phone")))
	require.Empty(t, f.newFields())

	run := f.beginIncremental("i1", 1, "customers")
	require.Equal(t, []string{"new field, which no record had before: tier", "2 new fields, which no record had before: address.plus4, loyalty"},
		f.read(run, withFields(2, false, "id", "tier"), withFields(3, true, "address.plus4", "id", "loyalty", "loyalty.points", "phone", "phone.prefix", "tier")))
	number := fmt.Sprint(" ", run.Number)
	want := []string{"address.plus4" + number, "loyalty" + number, "tier" + number}
	require.ElementsMatch(t, want, f.newFields())
	const message = "new field from ServiceTitan; full_data has it: "
	require.Equal(t, []string{message + "tier", message + "address.plus4", message + "loyalty"}, f.logged())
	require.Equal(t, 3, f.seen.fields)

	require.Empty(t, f.read(f.beginFull("f2", "customers"), withFields(4, true, "address.plus4", "id", "loyalty", "loyalty.points", "phone.prefix", "tier")))
	require.Equal(t, []string{"new field, which no record had before: loyalty.level"},
		f.read(f.beginFull("f3", "customers"), withFields(5, true, "id", "loyalty.level")))
	require.Len(t, f.newFields(), 4)
	require.Equal(t, 4, f.seen.fields)
	others, err := f.NewFields(t.Context(), "43", "")
	require.NoError(t, err)
	require.Empty(t, others)
}

// Before the first complete full sync nothing is new, and an empty one is no baseline.
func TestFieldsAreNotNewBeforeTheBaseline(t *testing.T) {
	t.Parallel()
	f := newFieldFixture(t)
	empty := page(at(0), "t", true)
	require.Empty(t, f.read(f.beginFull("f1", "customers"), empty))
	require.Empty(t, f.read(f.beginIncremental("i1", 1, "customers"), withFields(1, true, "id")))
	require.Empty(t, f.read(f.beginIncremental("i2", 2, "customers"), withFields(2, true, "id", "name")))
	run := f.beginFull("f2", "customers")
	c := find(t, "customers")
	f.storePage(run, c, f.open(run, c), withFields(3, false, "id", "phone"))
	f.finalize(run, ledger.Finalization{State: ledger.Cancelled})
	require.Empty(t, f.read(f.beginIncremental("i3", 3, "customers"), withFields(4, true, "email", "id")))
	require.Empty(t, f.newFields())
	require.Empty(t, f.read(f.beginFull("f3", "customers"), withFields(5, true, "id")))
	require.Equal(t, []string{"new field, which no record had before: fax"}, f.read(f.beginFull("f4", "customers"), withFields(6, true, "email", "fax", "id", "name", "phone")))
	require.Empty(t, get[string](f.fixture, "select coalesce(string_agg(field, ','), '') from raw.sync_fields where is_new and field <> 'fax'"))
}

// A page that is not stored reports nothing, and the same page does when it is stored at last.
func TestNewFieldsOfAPageThatIsNotStored(t *testing.T) {
	t.Parallel()
	f := newFieldFixture(t)
	f.read(f.beginFull("f1", "customers"), withFields(0, true, "id"))
	run, c := f.beginFull("f2", "customers"), find(t, "customers")
	p := f.open(run, c)
	stale := p
	stale.Version++
	_, err := f.StorePage(t.Context(), run.Target(c), stale, withFields(1, true, "id", "tier"))
	require.ErrorIs(t, err, ledger.ErrFenced)
	require.Empty(t, f.logged())
	require.Empty(t, f.newFields())
	p = f.storePage(run, c, p, withFields(1, true, "id", "tier"))
	require.Equal(t, []string{"new field, which no record had before: tier"}, p.Warnings)
	require.Len(t, f.logged(), 1)
}

// Many workers see a new field at once, in verifies, which do not wait for each other. One reports it.
func TestManyWorkersReportANewFieldOnce(t *testing.T) {
	t.Parallel()
	f := newFieldFixture(t)
	c := find(t, "customers")
	f.read(f.beginFull("f1", "customers"), withFields(0, true, "id"))
	const workers = 8
	var runs []ledger.Run
	for i := range workers {
		q := request(events.Verify, fmt.Sprint("v", i), "customers")
		f.receive(q)
		run, _, err := f.BeginRun(t.Context(), ledger.BeginInput{
			TenantID: tenant, Mode: events.Verify, WorkflowID: q.WorkflowID, FirstRunID: q.ID, Pass: 1, RequestID: q.ID,
		})
		require.NoError(t, err)
		runs = append(runs, run)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var warnings []string
	for i, run := range runs {
		own := openStoreWith(t, f.url, nil) // as another process
		all.Go(func() {
			p, err := own.Open(t.Context(), run.Target(c))
			if err == nil {
				p, err = own.StorePage(t.Context(), run.Target(c), p, withFields(1+i, true, "a", "b", "c", "id"))
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			warnings = append(warnings, p.Warnings...)
		})
	}
	all.Wait()
	require.Equal(t, []string{"3 new fields, which no record had before: a, b, c"}, warnings)
	require.Len(t, f.newFields(), 3)
}

// A page waits for another transaction that has inserted the same field. Only if that one fails, the page reports
// the field.
func TestANewFieldOfAnUnfinishedTransaction(t *testing.T) {
	t.Parallel()
	for fails, want := range map[bool][]string{true: {"new field, which no record had before: tier"}, false: nil} {
		f := newFieldFixture(t)
		f.read(f.beginFull("f1", "customers"), withFields(0, true, "id"))
		other, err := f.db.Begin(t.Context())
		require.NoError(t, err)
		_, err = other.Exec(t.Context(), "insert into raw.sync_fields (tenant_id, table_name, field, is_new, run_number) values ($1, 'raw.st_customers', 'tier', true, 1)", tenant)
		require.NoError(t, err)

		run, c := f.beginFull("f2", "customers"), find(t, "customers")
		p := f.open(run, c)
		stored := make(chan error, 1)
		go func() {
			var err error
			p, err = f.StorePage(t.Context(), run.Target(c), p, withFields(1, true, "id", "tier"))
			stored <- err
		}()
		require.Eventually(t, func() bool {
			return get[bool](f.fixture, "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')")
		}, time.Minute, time.Millisecond)
		if fails {
			require.NoError(t, other.Rollback(t.Context()))
		} else {
			require.NoError(t, other.Commit(t.Context()))
		}
		require.NoError(t, <-stored)
		require.Equal(t, want, p.Warnings)
		require.Len(t, f.logged(), len(want))
		require.Equal(t, len(want), f.seen.fields)
	}
}

// A run reads what is recorded again: PostgreSQL may have been restored since the last one.
func TestFieldsAreRecordedAgainAfterARestore(t *testing.T) {
	t.Parallel()
	f := newFieldFixture(t)
	f.read(f.beginFull("f1", "customers"), withFields(0, true, "id"))
	f.read(f.beginFull("f2", "customers"), withFields(1, true, "id", "tier"))
	f.exec("delete from raw.sync_fields where field = 'tier'")
	require.Equal(t, []string{"new field, which no record had before: tier"}, f.read(f.beginFull("f3", "customers"), withFields(2, true, "id", "tier")))
}

// An entity has a bounded number of names, however many keys its records have, and reports that once.
func TestNewFieldsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFieldFixture(t)
	names := func(from, to int) (list []string) {
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprintf("f%03d", i))
		}
		return list
	}
	f.read(f.beginFull("f1", "customers"), withFields(0, true, names(0, 2)...))
	warnings := f.read(f.beginFull("f2", "customers"), withFields(1, false, names(0, entity.MaxFields)...))
	require.Equal(t, []string{fmt.Sprintf("%d new fields, which no record had before: %s and %d more", entity.MaxFields-2, strings.Join(names(2, 22), ", "), entity.MaxFields-22)}, warnings)
	want := []string{fmt.Sprintf("more than %d fields: further new fields are not reported", entity.MaxFields)}
	require.Equal(t, want, f.read(f.beginFull("f3", "customers"), withFields(2, false, names(entity.MaxFields, 2*entity.MaxFields)...), withFields(3, true, "other")))
	require.Empty(t, f.read(f.beginFull("f4", "customers"), withFields(4, true, "another")))
	require.Equal(t, int64(entity.MaxFields+1), get[int64](f.fixture, "select count(*) from raw.sync_fields"))
	logged := f.logged()
	require.Equal(t, "too many fields, further new ones are not reported: ", logged[len(logged)-1])
	require.Len(t, logged, entity.MaxFields-2+1)
}
