package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// namePolicy replaces the names of customers that are not replaced yet.
type namePolicy string

func (p namePolicy) Digest(string) string { return string(p) }

func (p namePolicy) Clean(_ string, document []byte, mayBeHashed bool) []byte {
	by := `"hashed"`
	if mayBeHashed {
		by = `"dropped"`
	}
	return []byte(strings.NewReplacer(`"clear"`, by, `"old hash"`, by).Replace(string(document)))
}

// withPolicy opens another store, of a worker with a policy.
func (f *fixture) withPolicy(p namePolicy) *fixture {
	f.Helper()
	s, err := store.Open(f.Context(), f.url, store.Options{MaxConns: 12, Entities: few, FieldPolicy: p})
	require.NoError(f, err)
	f.Cleanup(s.Close)
	return &fixture{TB: f.TB, Store: s, url: f.url, db: f.db}
}

// outdated lists the entities with rows of another policy than that of the store.
func (f *fixture) outdated() (names []string) {
	f.Helper()
	tables, err := f.OutdatedPolicies(f.Context())
	require.NoError(f, err)
	for _, one := range tables {
		require.Equal(f, tenant, one.TenantID)
		names = append(names, one.Entity)
	}
	return names
}

// underPolicy is a page of customers with one name, to which a policy was applied.
func underPolicy(policy, name string, minute, from, to int) entity.Page {
	p := entity.Page{Total: -1, Date: at(minute), FieldPolicy: policy}
	for id := from; id <= to; id++ {
		p.Records = append(p.Records, customer(id, at(0), name))
	}
	return p
}

// rebuilt rebuilds customers from pages.
func (f *fixture) rebuilt(eventID string, minute int, pages ...entity.Page) {
	f.Helper()
	e := find(f, "customers")
	run := f.beginRebuild(eventID, true)
	p := f.apply(e, f.check(e, f.load(run, e, minute, pages...), -1))
	require.Empty(f, p.Error)
	f.finalize(run, completed)
}

// names lists the names in rows, from the document and from the typed column.
func (f *fixture) names() []string {
	f.Helper()
	return get[[]string](f, `select coalesce(array_agg(st_id || ' ' || coalesce(full_data->>'name', '-') || ' ' || coalesce(name, '-') order by st_id), '{}') from raw.st_customers`)
}

func TestATableIsOutdatedUntilARebuildAppliesTheFieldPolicy(t *testing.T) {
	t.Parallel()
	none, e := newFixture(t), find(t, "customers")
	f := none.withPolicy("p")
	require.Empty(t, f.outdated(), "a table without rows needs nothing")
	none.fullRead("a", e, 0, underPolicy("", "clear", 0, 1, 4))
	require.Empty(t, none.outdated())
	require.Equal(t, []string{"customers"}, f.outdated())

	// An incremental replaces one row: there are rows of both.
	run := f.beginIncremental("b", 1, "customers")
	f.storePage(run, e, f.open(run, e), underPolicy("p", "hashed", 1, 1, 1))
	f.finalize(run, completed)
	require.Equal(t, []string{"1 hashed hashed", "2 clear clear", "3 clear clear", "4 clear clear"}, f.names())
	require.Equal(t, []string{"customers"}, f.outdated())
	require.Equal(t, []string{"customers"}, none.outdated(), "also after the policy is gone again")

	// ServiceTitan no longer has 4.
	f.rebuilt("c", 5, underPolicy("p", "hashed", 5, 1, 2), underPolicy("p", "hashed", 5, 3, 3))
	require.Equal(t, []string{"1 hashed hashed", "2 hashed hashed", "3 hashed hashed", "4 dropped dropped"}, f.names(), "after a mix, a hash cannot be distinguished from a value")
	require.Empty(t, f.outdated())
	require.Equal(t, []string{"customers"}, none.outdated())
	require.EqualValues(t, 0, get[int64](f, "select count(*) from raw.st_customers where st_id = 4 and fingerprint is not null"))

	// Further pages of the same policy, and pages that change nothing.
	for i, policy := range []string{"p", "other"} {
		run = f.beginIncremental([]string{"d", "e"}[i], 2+i, "customers")
		f.storePage(run, e, f.open(run, e), underPolicy(policy, "hashed", 6+i, 1, 3))
		f.finalize(run, completed)
		require.Empty(t, f.outdated(), policy)
	}
}

// A table that is read for the first time has the policy of its pages, unless it has other rows already.
func TestFieldPolicyOfAFirstRead(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		before   string
		pages    []string
		outdated []string
	}{
		"one policy":                {pages: []string{"p", "p"}},
		"a change during the read":  {pages: []string{"", "p"}, outdated: []string{"customers"}},
		"a change back":             {pages: []string{"p", ""}, outdated: []string{"customers"}},
		"rows of another program":   {before: "42, 99", pages: []string{"p"}, outdated: []string{"customers"}},
		"rows of another tenant":    {before: "43, 99", pages: []string{"p"}},
		"a page without new rows":   {pages: []string{"p", "p", "unused"}},
		"a policy of another store": {pages: []string{"q"}, outdated: []string{"customers"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f, e := newFixture(t).withPolicy("p"), find(t, "customers")
			if c.before != "" {
				f.exec(`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number) values (` + c.before + `, '{}', now(), 77)`)
			}
			run := f.beginFull("a", "customers")
			p := f.open(run, e)
			for i, policy := range c.pages {
				id := min(i+1, 2)
				one := underPolicy(policy, "name", i, id, id)
				one.Next, one.Last = entity.Cursor{Feed: entity.Export, Token: what[:i+1]}, i == len(c.pages)-1
				p = f.storePage(run, e, p, one)
			}
			f.finalize(run, completed)
			require.Equal(t, c.outdated, f.outdated())
		})
	}
}

func TestRowsThatServiceTitanDoesNotHaveGetTheFieldPolicy(t *testing.T) {
	t.Parallel()
	none, e := newFixture(t), find(t, "customers")
	f := none.withPolicy("p")
	none.fullRead("a", e, 0, underPolicy("", "clear", 0, 1, 2500))
	none.exec(`update raw.st_customers set deleted_at = now() where st_id % 2 = 0`)
	run := f.beginRebuild("b", true)
	p := f.load(run, e, 5, underPolicy("p", "hashed", 5, 1, 1))
	// Meanwhile, a page brings a record that the rebuild does not see.
	pass := f.beginIncremental("c", 1, "customers")
	f.storePage(pass, e, f.open(pass, e), underPolicy("p", "old hash", 6, 3000, 3000))
	f.finalize(pass, completed)
	none.exec(`update raw.sync_state set field_policy = ''`)
	f.apply(e, f.check(e, p, -1))
	f.finalize(run, completed)
	require.Empty(t, f.outdated())
	require.Equal(t, []string{"hashed 2500", "old hash 1"}, get[[]string](f, `select array_agg(name || ' ' || n order by name) from (select name, count(*) as n from raw.st_customers group by name) s`))
	require.EqualValues(t, 0, get[int64](f, `select count(*) from raw.st_customers where full_data->>'name' <> name or st_id between 2 and 2500 and run_number <> $1`, run.Number))

	// With the same policy, a rebuild leaves them as they are.
	f.exec(`update raw.st_customers set full_data = jsonb_set(full_data, '{name}', '"clear"') where st_id = 7`)
	f.rebuilt("d", 10, underPolicy("p", "hashed", 10, 1, 1))
	require.Equal(t, "clear", get[string](f, `select full_data->>'name' from raw.st_customers where st_id = 7`))
}

// If the pages of a rebuild have several policies, or another one than the worker that applies it, the table
// stays outdated.
func TestARebuildUnderSeveralFieldPolicies(t *testing.T) {
	t.Parallel()
	none := newFixture(t)
	f, other := none.withPolicy("p"), none.withPolicy("q")
	none.fullRead("a", find(t, "customers"), 0, underPolicy("", "clear", 0, 1, 4))
	other.rebuilt("b", 5, underPolicy("p", "hashed", 5, 1, 2), underPolicy("q", "other", 5, 3, 4))
	require.Equal(t, []string{"customers"}, f.outdated())
	require.Equal(t, []string{"customers"}, other.outdated())
	f.rebuilt("c", 10, underPolicy("q", "hashed", 10, 1, 2), underPolicy("q", "other", 10, 3, 4))
	require.Equal(t, []string{"customers"}, f.outdated())
	require.Equal(t, []string{"customers"}, other.outdated(), "rows that ServiceTitan does not have may have another")
	other.rebuilt("d", 15, underPolicy("q", "hashed", 15, 1, 4))
	require.Empty(t, other.outdated())
	require.Equal(t, []string{"customers"}, none.outdated())
}

func TestFieldRulesThatNameNoKnownField(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	unknown := func(paths ...string) (names []string) {
		var rules []entity.FieldRule
		for _, path := range paths {
			rules = append(rules, entity.FieldRule{Entity: "customers", Path: path, Action: entity.DropField})
		}
		found, err := f.UnknownFields(f.Context(), append(rules, entity.FieldRule{Entity: "jobs", Path: "nothing", Action: entity.DropField}))
		require.NoError(t, err)
		for _, r := range found {
			names = append(names, r.Path)
		}
		return names
	}
	e := find(t, "customers")
	read := func(eventID string, last bool, fields ...string) {
		run := f.beginFull(eventID, "customers")
		p := page(at(1), eventID, last, customer(1, at(0), "Ann"))
		p.Fields = fields
		f.storePage(run, e, f.open(run, e), p)
		f.finalize(run, ledger.Finalization{State: ledger.Completed})
	}
	require.Empty(t, unknown("nme"), "no record was read")
	read("a", false, "name")
	require.Empty(t, unknown("nme"), "not all records were read")
	read("b", true, "address", "address.street", "name", "tags", "tags.*")
	require.Equal(t, []string{"nme", "address.stret", "name.first"},
		unknown("nme", "Name", "address", "address.STREET", "address.stret", "address.*", "name.first", "*.street", "*.zip", "*", "tags.anything", "tags.x.y"))
}
