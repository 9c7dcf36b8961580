package conformance

import (
	"bufio"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

// appendOnly are the entities whose records are never deleted.
var appendOnly = []string{"job_history", "membership_status_changes"}

// undocumented are columns of fields that the published facts do not have, so that the simulator
// cannot confirm them.
var undocumented = map[string][]string{
	"calls":           {"status", "agent_id", "campaign_id"},
	"contact_methods": {"contact_id"},
}

func TestEveryEntity(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	for _, e := range entity.Catalogue {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			checkLifecycle(newPipeline(t, db, simulator.Options{}, e.Name), e)
		})
	}
}

// checkLifecycle reads everything, reads again without changes, changes many records, some of which
// only a full sync can see, and repairs damage.
func checkLifecycle(p *pipeline, e entity.Entity) {
	first := p.requireSync(events.Full, e.Name)
	p.requireEqual(e.Name)
	require.Equal(p, int64(records), first.Inserted)
	require.Zero(p, first.Rejected)
	require.Equal(p, !e.Unpaged, first.Pages > 1, "%d pages", first.Pages)
	require.Empty(p, p.castFailures(e))
	require.ElementsMatch(p, undocumented[e.Name], p.columnsWithoutField(e), "columns of fields that no record has")

	idle := p.requireSync(events.Incremental, e.Name)
	require.Zero(p, idle.Inserted+idle.Updated+idle.Deleted)
	require.LessOrEqual(p, idle.Pages, first.Pages)
	if e.Tracks() != entity.WholeList {
		require.Zero(p, idle.Fetched)
		require.Equal(p, int64(1), idle.Pages)
	}

	c := p.change(e)
	p.requireSync(events.Incremental, e.Name)
	for _, key := range p.differentKeys(e.Name) {
		require.Contains(p, c.unseen(e), key, "%v", p.compare(e.Name).Differences)
	}

	p.source.pageSize = 0 // as large as the list allows
	last := p.requireSync(events.Full, e.Name)
	if !e.CanLookUp() {
		require.ElementsMatch(p, c.removed, p.differentKeys(e.Name), "one full sync that misses them is not enough")
		last = p.requireSync(events.Full, e.Name)
	}
	require.Equal(p, int64(len(c.removed)), last.Deleted)
	p.requireEqual(e.Name)
	require.Empty(p, p.castFailures(e))

	if len(c.removed) > 0 {
		require.NoError(p, p.Restore(e.Name, c.numbers[c.removed[0]]))
		require.Equal(p, int64(1), p.requireSync(events.Full, e.Name).Updated)
		p.requireEqual(e.Name)
	}
	damageAndRebuild(p, e)
	require.Zero(p, p.Stats().Entities[e.Name].Refused)
	p.requireNothingIgnored(e.Name)
}

// changes are the changes made to records, by key.
type changes struct {
	numbers  map[string]int64 // IDs in the simulator, by key
	changed  []string
	removed  []string // permanently, from the list that had them
	dateless []string // modifiedOn is null
}

// unseen returns the keys that an incremental sync may not have noticed.
func (c changes) unseen(e entity.Entity) []string {
	switch e.Tracks() {
	case entity.Additions:
		return slices.Concat(c.changed, c.removed)
	case entity.Changes:
		return slices.Concat(c.removed, c.dateless)
	}
	return c.removed
}

// change deletes, creates, updates and deactivates some records.
func (p *pipeline) change(e entity.Entity) changes {
	p.Helper()
	c := changes{numbers: map[string]int64{}}
	keys := map[int64]string{}
	look := func() {
		c.dateless = nil
		for _, r := range p.simulatorRecords(e.Name) {
			keys[r.number], c.numbers[r.key] = r.key, r.number
			if at := r.json.Get("modifiedOn"); at.Exists() && at.Type == gjson.Null {
				c.dateless = append(c.dateless, r.key)
			}
		}
	}
	some := func(n int, do func(string, int64) error) (found []string) {
		for range n {
			id, err := p.RandomID(e.Name)
			require.NoError(p, err)
			require.NoError(p, do(e.Name, id))
			found = append(found, keys[id])
		}
		return found
	}
	look() // later reads do not return deleted records
	if !slices.Contains(appendOnly, e.Name) {
		deleted := some(2, p.Delete)
		if e.Export == "" {
			c.removed = deleted
		} else {
			c.changed = deleted
		}
	}
	for range 3 {
		_, err := p.Create(e.Name)
		require.NoError(p, err)
	}
	look()
	c.changed = append(c.changed, some(6, p.Update)...)
	if id, err := p.RandomID(e.Name); err == nil && p.Deactivate(e.Name, id) == nil { // not every entity has inactive records
		c.changed = append(c.changed, keys[id])
	}
	return c
}

// differentKeys returns the keys of rows that differ from their records.
func (p *pipeline) differentKeys(name string) (keys []string) {
	p.Helper()
	for _, d := range p.compare(name).Differences {
		keys = append(keys, d.Key)
	}
	return keys
}

// castFailures returns the columns with a cast failure, each with an example.
func (p *pipeline) castFailures(e entity.Entity) []string {
	p.Helper()
	return value[[]string](p, `select coalesce(array_agg(column_name || ' ' || example), '{}') from raw.schema_drift
		join raw.sync_runs using (run_number) where tenant_id = $1 and table_name = $2`, p.tenant, "raw."+e.Table())
}

// columnsWithoutField returns the columns whose field no record has. Every table has a column
// active, whether or not its records have the field.
func (p *pipeline) columnsWithoutField(e entity.Entity) (columns []string) {
	p.Helper()
	all := p.simulatorRecords(e.Name)
	for _, c := range e.Columns {
		has := func(r simulatorRecord) bool {
			outer, _, nested := strings.Cut(c.Path, ".")
			return r.json.Get(c.Path).Exists() || nested && r.json.Get(outer).Type == gjson.Null && r.json.Get(outer).Exists()
		}
		if c.Name != "active" && !slices.ContainsFunc(all, has) {
			columns = append(columns, c.Name)
		}
	}
	return columns
}

// simulatorRecord is a record as the simulator has it in memory.
type simulatorRecord struct {
	number int64
	key    string
	json   gjson.Result
}

// number returns the simulator's number of a record.
func (p *pipeline) number(name, key string) int64 {
	p.Helper()
	for _, r := range p.simulatorRecords(name) {
		if r.key == key {
			return r.number
		}
	}
	require.Fail(p, "no such record", "%s %s", name, key)
	return 0
}

// idWithModifiedOn returns the number of an active record whose modifiedOn is not null.
func (p *pipeline) idWithModifiedOn(name string) int64 {
	p.Helper()
	for {
		id, err := p.RandomID(name)
		require.NoError(p, err)
		for _, r := range p.simulatorRecords(name) {
			if r.number == id && r.json.Get("modifiedOn").Type == gjson.String {
				return id
			}
		}
	}
}

// active reports whether a record is active. Only active records can be deleted.
func (r simulatorRecord) active() bool { return isActive(r.json) }

func isActive(record gjson.Result) bool {
	field := record.Get("active")
	return !field.Exists() || field.Bool()
}

// activeIDs returns the ids of the active records of a page.
func active(page entity.Page) (ids []string) {
	for _, r := range page.Records {
		if isActive(gjson.ParseBytes(r.Raw)) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (p *pipeline) simulatorRecords(name string) (all []simulatorRecord) {
	p.Helper()
	response, err := http.Get(p.url + "/_admin/records/" + name)
	require.NoError(p, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := gjson.Parse(lines.Text())
		all = append(all, simulatorRecord{line.Get("id").Int(), line.Get("key").Str, line.Get("record")})
	}
	require.NoError(p, lines.Err())
	return all
}

// TestDataDependOnlyOnTheSeed creates simulators one after another and in parallel. Neither their
// tenants nor their order change the records or the random choice of records.
func TestDataDependOnlyOnTheSeed(t *testing.T) {
	t.Parallel()
	const name = "campaigns"
	db := newDatabase(t, entitiesNamed(t, name)...)
	snapshot := func(p *pipeline) (all []string) {
		for _, r := range p.simulatorRecords(name) {
			all = append(all, r.json.Raw)
		}
		id, err := p.RandomID(name)
		require.NoError(t, err)
		return append(all, strconv.FormatInt(id, 10))
	}
	want := snapshot(newPipeline(t, db, simulator.Options{}, name))
	require.NotEqual(t, want, snapshot(newPipeline(t, db, simulator.Options{Seed: *data + 1}, name)))
	t.Run("at once", func(t *testing.T) {
		for i := range 4 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				require.Equal(t, want, snapshot(newPipeline(t, db, simulator.Options{}, name)))
			})
		}
	})
}
