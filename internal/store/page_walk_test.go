package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// TestEveryEntity walks the catalogue: a page of each entity is stored, stored again,
// and followed by older, newer and deleted versions.
func TestEveryEntity(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s, err := store.Open(t.Context(), url, store.Options{MaxConns: 4})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.CheckSchema(t.Context()))
	f := &fixture{TB: t, Store: s, url: url, db: openPool(t, url)}
	run := f.beginFull("walk", entity.Names()...)

	for _, e := range entity.Catalogue {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{TB: t, Store: s, url: url, db: f.db}
			walk(f, run, e)
		})
	}
}

// walk stores versions of two records of an entity.
func walk(f *fixture, run ledger.Run, e entity.Entity) {
	two := func(minute int, note string) []entity.Record {
		return []entity.Record{sample(f, e, 1, minute, note), sample(f, e, 2, minute, note)}
	}
	p := f.open(run, e)
	steps := []struct {
		what string
		read int
		page []entity.Record
		want events.Counts
	}{
		{"first", 10, two(1, "first"), events.Counts{Inserted: 2}},
		{"the same again", 11, two(1, "first"), events.Counts{Unchanged: 2}},
		{"newer", 12, two(3, "newer"), events.Counts{Updated: 2}},
		{"older, of which the later step must not see anything", 13, two(2, "older"), events.Counts{Unchanged: 2}},
		{"deleted", 14, []entity.Record{gone(two(4, "newer")[0])}, events.Counts{Deleted: 1}},
		{"revived", 15, two(5, "newer")[:1], events.Counts{Updated: 1}},
	}
	for i, step := range steps {
		next := f.storePage(run, e, p, page(at(step.read), fmt.Sprint(i), false, step.page...))
		step.want.Pages, step.want.Fetched = 1, int64(len(step.page))
		require.Equal(f, step.want, counts(p, next), step.what)
		p = next
	}

	table := "raw." + e.Table()
	require.Equal(f, int64(2), get[int64](f, "select count(*) from "+table+" where deleted_at is null and full_data ->> 'note' = 'newer'"))
	require.Equal(f, int64(2), f.state(e).Records)
	key := two(1, "")[0].ID
	require.Equal(f, int64(1), get[int64](f, "select count(*) from "+table+" where st_id::text = $1", key))
	for _, c := range e.Columns {
		require.True(f, get[bool](f, fmt.Sprintf("select bool_and(%q is not null) from %s", c.Name, table)), "column %s", c.Name)
	}
	require.Zero(f, get[int64](f, "select count(*) from raw.schema_drift where table_name = $1", table))
}

// sample returns a version of a record with a value for each column of its entity.
func sample(f *fixture, e entity.Entity, n, minute int, note string) entity.Record {
	doc := map[string]any{"note": note, "modifiedOn": at(minute).Format(time.RFC3339)}
	for _, c := range e.Columns {
		put(doc, strings.Split(c.Path, "."), map[entity.ColumnType]any{
			entity.Text: "text", entity.Bigint: 9007199254740993, entity.Numeric: "12.50", entity.Boolean: true, entity.Timestamptz: "2026-03-01T12:00:00.1234567Z",
		}[c.Type])
	}
	var id []string
	for _, field := range e.Identity() {
		value := fmt.Sprint(n)
		if e.Key == entity.TextID && len(e.Identity()) == 1 {
			value = fmt.Sprintf("3fa85f64-5717-4562-b3fc-%012d", n)
		}
		if doc[field] == nil {
			doc[field] = value
		}
		id = append(id, value)
	}
	raw, err := json.Marshal(doc)
	require.NoError(f, err)
	return entity.Record{ID: strings.Join(id, "/"), ModifiedOn: at(minute), Raw: raw}
}

func put(doc map[string]any, path []string, value any) {
	if len(path) == 1 {
		doc[path[0]] = value
		return
	}
	inner, ok := doc[path[0]].(map[string]any)
	if !ok {
		inner = map[string]any{}
		doc[path[0]] = inner
	}
	put(inner, path[1:], value)
}
