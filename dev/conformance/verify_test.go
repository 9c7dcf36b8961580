package conformance

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// verified are entities by the way in which they are read, and in which the second look reads them.
var verified = map[string][]string{
	"export":           {"customers", "jobs", "customer_memberships", "projects"},
	"list with ids":    {"campaigns", "ap_bills", "payment_types", "client_specific_pricing"},
	"list without ids": {"contacts", "teams", "credit_memo_items", "budget_codes"},
	"unpaged list":     {"contact_preference_definitions", "capacity_warnings", "material_cost_types", "proposal_types"},
}

// TestVerifyInRounds damages rows in random ways while records change and incremental syncs run. A verify
// must report every damaged row and no other.
func TestVerifyInRounds(t *testing.T) {
	t.Parallel()
	rounds := 50
	if testing.Short() {
		rounds = 8
	}
	db := newDatabase(t, entitiesNamed(t, slices.Concat(slices.Collect(maps.Values(verified))...)...)...)
	all := &counters{times: map[string]int{}}
	t.Run("rounds", func(t *testing.T) {
		for family, names := range verified {
			for seed := range rounds {
				name := names[seed%len(names)]
				t.Run(fmt.Sprintf("%s/%d %s", family, seed, name), func(t *testing.T) {
					t.Parallel()
					r := newRound(t, db, uint64(seed), name)
					r.play()
					all.add(r.done)
				})
			}
		}
	})
	t.Logf("%v", all.times)
	for _, d := range damages {
		require.True(t, t.Failed() || testing.Short() || all.times[d.name] > 0, "no row was %s", d.name)
	}
}

// round damages the table of one entity once.
type round struct {
	*pipeline
	entity  entity.Entity
	random  *rand.Rand
	damaged map[string]string // kind by key; "" for a row that is not to be reported
	rows    map[string]string // xmin of damaged rows
	changed map[string]bool   // keys of records that changed since the last full sync and do not show when
	touched map[string]bool   // keys of all records that changed since then
	done    map[string]int
}

func newRound(t *testing.T, db *database, seed uint64, name string) *round {
	r := &round{random: rand.New(rand.NewPCG(seed, 7)), damaged: map[string]string{}, rows: map[string]string{}, changed: map[string]bool{}, touched: map[string]bool{}, done: map[string]int{}}
	r.entity, _ = entity.Find(name)
	r.pipeline = newPipeline(t, db, simulator.Options{Seed: int64(seed) + 1}, name)
	return r
}

func (r *round) play() {
	name := r.entity.Name
	r.requireSync(events.Full, name)
	for range 5 {
		r.mutate()
	}
	r.requireSync(events.Full, name)
	r.requireSync(events.Full, name) // the second one marks rows that two have missed
	r.requireEqual(name)
	clear(r.changed)
	clear(r.touched)
	if r.random.IntN(2) == 0 {
		for range 3 {
			r.mutate() // incremental syncs do not see every change
		}
		r.requireSync(events.Incremental, name)
		r.requireSync(events.Incremental, name)
	}

	endures := r.damage()
	before := r.snapshot()
	state := r.state()
	r.clock.Advance(time.Minute)
	for range r.random.IntN(4) {
		r.mutate() // changes that the next sync will bring
	}
	r.source.before = func() { // and changes while the entity is read
		if r.random.IntN(2) == 0 {
			r.mutate()
		}
		if r.random.IntN(5) == 0 {
			r.incremental()
		}
	}
	d := r.verify()
	r.source.before = nil
	if r.done["incremental runs"] == 0 {
		require.Equal(r, before, r.snapshot(), "a verify writes no row")
		require.Equal(r, state, r.state(), "and no state")
	}
	r.judge(d)

	// A rebuild repairs what was damaged, and nothing differs any more.
	if endures {
		return
	}
	r.requireSync(events.Rebuild, name)
	r.forget()
	r.requireSync(events.Full, name)
	r.requireSync(events.Full, name)
	r.requireEqual(name)
	after := r.verify()
	require.Zero(r, after.Total(), "%+v", after)
}

// damage damages random rows, and reports whether a rebuild cannot repair one of them.
func (r *round) damage() (endures bool) {
	live := value[[]string](r.pipeline, "select array_agg(st_id::text order by st_id) from raw."+r.entity.Table()+" where tenant_id = $1 and deleted_at is null", r.tenant)
	gone := value[[]string](r.pipeline, "select coalesce(array_agg(st_id::text order by st_id), '{}') from raw."+r.entity.Table()+" where tenant_id = $1 and deleted_at is not null", r.tenant)
	take := func(keys []string) string {
		for {
			key := keys[r.random.IntN(len(keys))]
			if _, taken := r.damaged[key]; !taken && !r.touched[key] {
				return key
			}
		}
	}
	for range 1 + r.random.IntN(8) {
		d := damages[r.random.IntN(len(damages))]
		keys := live
		if d.revives {
			keys = slices.DeleteFunc(slices.Clone(gone), func(key string) bool { _, taken := r.damaged[key]; return taken || r.touched[key] })
		}
		if len(keys) == 0 {
			continue
		}
		key := take(keys)
		r.damaged[key] = d.kind(r.entity, r.isVersioned(key))
		if made := d.apply(r.pipeline, r.entity, key, r.random); made != "" {
			r.damaged[made] = d.also
		}
		endures = endures || d.endures
		r.done[d.name]++
	}
	for key := range r.damaged {
		r.rows[key] = r.rowVersion(key)
	}
	return endures
}

// forget deletes the rows that were made up, which must be marked deleted.
func (r *round) forget() {
	for key, kind := range r.damaged {
		if kind == "extra" {
			_, err := r.pool.Exec(r.Context(), "delete from raw."+r.entity.Table()+" where tenant_id = $1 and st_id::text = $2 and deleted_at is not null", r.tenant, key)
			require.NoError(r, err)
		}
	}
}

func (r *round) rowVersion(key string) string {
	return value[string](r.pipeline, "select coalesce(max(xmin::text), '') from raw."+r.entity.Table()+" where tenant_id = $1 and st_id::text = $2", r.tenant, key)
}

// isVersioned reports whether a record shows when it changed last.
func (r *round) isVersioned(key string) bool {
	return value[bool](r.pipeline, "select coalesce(bool_or(modified_on is not null), false) from raw."+r.entity.Table()+" where tenant_id = $1 and st_id::text = $2", r.tenant, key)
}

// mutate changes a record whose row is not damaged.
func (r *round) mutate() {
	all := slices.DeleteFunc(r.simulatorRecords(r.entity.Name), func(s simulatorRecord) bool { _, damaged := r.damaged[s.key]; return damaged })
	s := all[r.random.IntN(len(all))]
	var err error
	switch n := r.random.IntN(10); {
	case n < 3:
		var number int64
		if number, err = r.Create(r.entity.Name); err == nil {
			s = r.record(number)
		}
	case n < 5 && !slices.Contains(appendOnly, r.entity.Name):
		err = r.Delete(r.entity.Name, s.number)
		if r.entity.Export == "" {
			r.changed[s.key] = true // a list shows no deletion
		}
	default:
		if err = r.Update(r.entity.Name, s.number); err == nil {
			s = r.record(s.number)
		}
	}
	if err != nil {
		return // such as an update of an inactive record
	}
	r.done["changes"]++
	r.touched[s.key] = true
	if s.json.Get("modifiedOn").Type != gjson.String {
		r.changed[s.key] = true
	}
}

func (r *round) record(number int64) simulatorRecord {
	all := r.simulatorRecords(r.entity.Name)
	return all[slices.IndexFunc(all, func(s simulatorRecord) bool { return s.number == number })]
}

// incremental runs an incremental sync beside the verify.
func (r *round) incremental() {
	before := r.source.before
	r.source.before = nil
	defer func() { r.source.before = before }()
	r.clock.Advance(2 * time.Second)
	run := r.begin(events.Incremental, false, r.entity.Name)
	r.finish(run, r.entity.Name)
	require.Equal(r, events.StatusCompleted, r.finalize(run).Results[0].Status)
	r.done["incremental runs"]++
}

// verify runs a verify and returns its differences.
func (r *round) verify() events.Differences {
	r.Helper()
	r.clock.Advance(time.Minute)
	run := r.begin(events.Verify, false, r.entity.Name)
	r.finish(run, r.entity.Name)
	finalized := r.finalize(run)
	result := finalized.Results[0]
	require.Nil(r, result.Error)
	require.Equal(r, events.StatusCompleted, result.Status)
	require.NotNil(r, result.Differences)
	require.Zero(r, result.Inserted+result.Updated+result.Deleted)
	require.Len(r, result.Differences.Sample, int(result.Differences.Total()), "%+v", result.Differences)
	require.Zero(r, value[int](r.pipeline, "select count(*) from pg_class where relnamespace = 'raw_rebuild'::regnamespace and relname ~ $1", fmt.Sprintf("^run_%d(_|$)", run.Number)))
	return *result.Differences
}

// judge compares what was reported with what was damaged. An incremental sync may have repaired a
// damaged row during the verify.
func (r *round) judge(d events.Differences) {
	want, optional := map[string]int64{}, int64(0)
	var missed, wrong []string
	for key, kind := range r.damaged {
		reported := slices.Contains(d.Sample, key)
		switch {
		case r.rows[key] != r.rowVersion(key):
			optional++
		case kind == "":
			if reported {
				wrong = append(wrong, key)
			}
		default:
			want[kind]++
			if !reported {
				missed = append(missed, key+" "+kind)
			}
		}
	}
	for _, key := range d.Sample {
		if _, damaged := r.damaged[key]; damaged {
			continue
		}
		optional++
		if !r.changed[key] {
			wrong = append(wrong, key)
		}
	}
	require.Empty(r, missed, "damaged and not reported: %+v", d)
	require.Empty(r, wrong, "reported and not damaged: %+v", d)
	for kind, got := range map[string]int64{"missing": d.Missing, "extra": d.Extra, "stale": d.Stale, "damaged": d.Damaged} {
		require.GreaterOrEqual(r, got, want[kind], "%s: %v, %+v", kind, r.damaged, d)
		require.LessOrEqual(r, got, want[kind]+optional, "%s: %v, %+v", kind, r.damaged, d)
	}
	r.done["reported"] += int(d.Total())
	r.done["rounds"]++
}

// snapshot is the content of the table.
func (r *round) snapshot() string {
	return value[string](r.pipeline, "select md5(string_agg(t::text || xmin::text, ',' order by st_id)) from raw."+r.entity.Table()+" t where tenant_id = $1", r.tenant)
}

// state is the state of the table.
func (r *round) state() string {
	return value[string](r.pipeline, "select s::text from raw.sync_state s where tenant_id = $1 and table_name = $2", r.tenant, "raw."+r.entity.Table())
}

// unstableSource reads lists that change during every read.
type unstableSource struct{ *source }

func (s unstableSource) Page(ctx context.Context, tenant events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (entity.Page, error) {
	page, err := s.source.Page(ctx, tenant, e, at, interactive)
	if page.Last {
		page.Unstable, page.Warnings = true, []string{"the list changed"}
	}
	return page, err
}

// Any row may be the record that an unstable list has skipped, unless it can be looked up.
func TestVerifyOfAnUnstableListReportsNoExtraRow(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "teams", "campaigns")...)
	for name, extra := range map[string]int64{"teams": 0, "campaigns": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRound(t, db, 1, name)
			r.requireSync(events.Full, name)
			for _, sql := range []string{
				"insert into raw.st_%[1]s select (jsonb_populate_record(t, '{\"st_id\": 7}')).* from raw.st_%[1]s t where tenant_id = %[2]s order by st_id limit 1",
				"delete from raw.st_%[1]s where tenant_id = %[2]s and st_id = (select max(st_id) from raw.st_%[1]s where tenant_id = %[2]s)",
			} {
				_, err := r.pool.Exec(r.Context(), fmt.Sprintf(sql, name, r.tenant))
				require.NoError(t, err)
			}
			r.slices.Source = unstableSource{r.source}
			d := r.verify()
			require.Equal(t, extra, d.Extra, "%+v", d)
			require.EqualValues(t, 1, d.Missing, "%+v", d)
		})
	}
}

// betweenLooks does something between the two looks of a verify.
type betweenLooks struct {
	activities.PageStore
	do func()
}

func (s betweenLooks) CompareStaged(ctx context.Context, target ledger.Target, at ledger.Position) (ledger.Position, error) {
	next, err := s.PageStore.CompareStaged(ctx, target, at)
	s.do()
	return next, err
}

// A record that is deleted between the two looks is not missing, and one that is restored is not extra.
func TestVerifyReadsCandidatesAgain(t *testing.T) {
	t.Parallel()
	names := []string{"jobs", "campaigns", "teams", "budget_codes"}
	db := newDatabase(t, entitiesNamed(t, names...)...)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRound(t, db, 2, name)
			active := slices.DeleteFunc(r.simulatorRecords(name), func(s simulatorRecord) bool { return !s.active() })
			deleted, restored := active[60], active[70]
			require.NoError(t, r.Update(name, restored.number))
			r.requireSync(events.Full, name)
			_, err := r.pool.Exec(t.Context(), fmt.Sprintf("delete from raw.st_%s where tenant_id = %s and st_id::text = '%s'", name, r.tenant, deleted.key))
			require.NoError(t, err)
			require.NoError(t, r.Delete(name, restored.number))
			r.slices.Store = betweenLooks{r.store, func() {
				require.NoError(t, r.Delete(name, deleted.number))
				require.NoError(t, r.Restore(name, restored.number))
			}}
			d := r.verify()
			require.Zero(t, d.Total(), "%+v", d)
			r.slices.Store = r.store
		})
	}
}
