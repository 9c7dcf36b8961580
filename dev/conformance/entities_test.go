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

// logs are what nothing is ever deleted from.
var logs = []string{"job_history", "membership_status_changes"}

// undocumented are columns made of fields that the published facts do not show: the
// simulator cannot confirm them.
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
			live(newPair(t, db, simulator.Options{}, e.Name), e)
		})
	}
}

// live takes an entity through its life: everything is read, nothing changes, much
// changes, some of them invisible until a full sync, and damage is repaired.
func live(p *pair, e entity.Entity) {
	first := p.complete(events.Full, e.Name)
	p.requireEqual(e.Name)
	require.Equal(p, int64(records), first.Inserted)
	require.Zero(p, first.Rejected)
	require.Equal(p, !e.Unpaged, first.Pages > 1, "%d pages", first.Pages)
	require.Empty(p, p.misfits(e))
	require.ElementsMatch(p, undocumented[e.Name], p.unheardOf(e), "columns of fields that no record has")

	idle := p.complete(events.Incremental, e.Name)
	require.Zero(p, idle.Inserted+idle.Updated+idle.Deleted)
	require.LessOrEqual(p, idle.Pages, first.Pages)
	if e.Tracks() != entity.WholeList {
		require.Zero(p, idle.Fetched)
		require.Equal(p, int64(1), idle.Pages)
	}

	c := p.change(e)
	p.complete(events.Incremental, e.Name)
	for _, key := range p.different(e.Name) {
		require.Contains(p, c.unseen(e), key, "%v", p.compare(e.Name).Differences)
	}

	p.source.pageSize = 0 // as large as the list allows
	last := p.complete(events.Full, e.Name)
	if !e.CanLookUp() {
		require.ElementsMatch(p, c.removed, p.different(e.Name), "one full sync that misses them is not enough")
		last = p.complete(events.Full, e.Name)
	}
	require.Equal(p, int64(len(c.removed)), last.Deleted)
	p.requireEqual(e.Name)
	require.Empty(p, p.misfits(e))

	if len(c.removed) > 0 {
		require.NoError(p, p.Restore(e.Name, c.numbers[c.removed[0]]))
		require.Equal(p, int64(1), p.complete(events.Full, e.Name).Updated)
		p.requireEqual(e.Name)
	}
	damageAndRebuild(p, e)
	require.Zero(p, p.Stats().Entities[e.Name].Refused)
	p.requireNothingIgnored(e.Name)
}

// changes are what happened to records, by key.
type changes struct {
	numbers  map[string]int64 // by which the simulator knows them
	changed  []string
	removed  []string // from the list that had them, for good
	dateless []string // their modifiedOn is null
}

// unseen is what an incremental need not have noticed.
func (c changes) unseen(e entity.Entity) []string {
	switch e.Tracks() {
	case entity.Additions:
		return slices.Concat(c.changed, c.removed)
	case entity.Changes:
		return slices.Concat(c.removed, c.dateless)
	}
	return c.removed
}

// change deletes, makes, changes and deactivates some records.
func (p *pair) change(e entity.Entity) changes {
	p.Helper()
	c := changes{numbers: map[string]int64{}}
	keys := map[int64]string{}
	look := func() {
		c.dateless = nil
		for _, r := range p.memory(e.Name) {
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
	look() // those that are deleted are not seen any more
	if !slices.Contains(logs, e.Name) {
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
	if id, err := p.RandomID(e.Name); err == nil && p.Deactivate(e.Name, id) == nil { // not every entity knows inactive records
		c.changed = append(c.changed, keys[id])
	}
	return c
}

// different are the keys of rows that are not as they should be.
func (p *pair) different(name string) (keys []string) {
	p.Helper()
	for _, d := range p.compare(name).Differences {
		keys = append(keys, d.Key)
	}
	return keys
}

// misfits are the columns that some value did not fit.
func (p *pair) misfits(e entity.Entity) []string {
	p.Helper()
	return value[[]string](p, `select coalesce(array_agg(column_name || ' ' || example), '{}') from raw.schema_drift
		join raw.sync_runs using (run_number) where tenant_id = $1 and table_name = $2`, p.tenant, "raw."+e.Table())
}

// unheardOf are the columns made of a field that no record has. Every table has a
// column active, whether or not its records tell.
func (p *pair) unheardOf(e entity.Entity) (columns []string) {
	p.Helper()
	all := p.memory(e.Name)
	for _, c := range e.Columns {
		has := func(r remembered) bool {
			outer, _, nested := strings.Cut(c.Path, ".")
			return r.json.Get(c.Path).Exists() || nested && r.json.Get(outer).Type == gjson.Null && r.json.Get(outer).Exists()
		}
		if c.Name != "active" && !slices.ContainsFunc(all, has) {
			columns = append(columns, c.Name)
		}
	}
	return columns
}

// remembered is a record as the simulator has it in memory.
type remembered struct {
	number int64
	key    string
	json   gjson.Result
}

// number is what the simulator knows a record by.
func (p *pair) number(name, key string) int64 {
	p.Helper()
	for _, r := range p.memory(name) {
		if r.key == key {
			return r.number
		}
	}
	require.Fail(p, "no such record", "%s %s", name, key)
	return 0
}

// dated is the number of an active record whose modifiedOn is not null.
func (p *pair) dated(name string) int64 {
	p.Helper()
	for {
		id, err := p.RandomID(name)
		require.NoError(p, err)
		for _, r := range p.memory(name) {
			if r.number == id && r.json.Get("modifiedOn").Type == gjson.String {
				return id
			}
		}
	}
}

// active says whether a record is not deactivated: only such a one can be deleted.
func (r remembered) active() bool { return isActive(r.json) }

func isActive(record gjson.Result) bool {
	field := record.Get("active")
	return !field.Exists() || field.Bool()
}

// active are the ids of a page's records that are not deactivated.
func active(page entity.Page) (ids []string) {
	for _, r := range page.Records {
		if isActive(gjson.ParseBytes(r.Raw)) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (p *pair) memory(name string) (all []remembered) {
	p.Helper()
	response, err := http.Get(p.url + "/_admin/records/" + name)
	require.NoError(p, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := gjson.Parse(lines.Text())
		all = append(all, remembered{line.Get("id").Int(), line.Get("key").Str, line.Get("record")})
	}
	require.NoError(p, lines.Err())
	return all
}

// TestDataDependOnlyOnTheSeed makes pairs one after another and at once: neither their
// tenants nor their order change the records, nor what is picked from them.
func TestDataDependOnlyOnTheSeed(t *testing.T) {
	t.Parallel()
	const name = "campaigns"
	db := newDatabase(t, few(t, name)...)
	form := func(p *pair) (all []string) {
		for _, r := range p.memory(name) {
			all = append(all, r.json.Raw)
		}
		id, err := p.RandomID(name)
		require.NoError(t, err)
		return append(all, strconv.FormatInt(id, 10))
	}
	want := form(newPair(t, db, simulator.Options{}, name))
	require.NotEqual(t, want, form(newPair(t, db, simulator.Options{Seed: *data + 1}, name)))
	t.Run("at once", func(t *testing.T) {
		for i := range 4 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				require.Equal(t, want, form(newPair(t, db, simulator.Options{}, name)))
			})
		}
	})
}
