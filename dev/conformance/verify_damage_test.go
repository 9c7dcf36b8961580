package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// damage is a change of one row behind lazisync's back. In its SQL, TABLE is the table, ROW the condition
// of the row, KEY the type of st_id, COLUMN a typed column with the value OTHER.
type damage struct {
	name    string
	sql     string
	silent  bool // triggers do not run
	revives bool // it needs a row that is marked deleted
	endures bool // a rebuild keeps the row: it claims to be newer than what the rebuild reads
	kind    func(e entity.Entity, versioned bool) string
	also    string // kind of another row that it makes
}

func always(kind string) func(entity.Entity, bool) string {
	return func(entity.Entity, bool) string { return kind }
}

// staleIfUnversioned is the kind of a row whose fingerprint is that of another document: without a
// version it may be an older one.
func staleIfUnversioned(_ entity.Entity, versioned bool) string {
	if versioned {
		return "damaged"
	}
	return "stale"
}

// copyRow inserts a copy of the row under another key.
const copyRow = `insert into TABLE select (jsonb_populate_record(t, jsonb_build_object('st_id', NEWKEY, 'fetched_at', FETCHED))).* from TABLE t where ROW`

var damages = []damage{
	{name: "lost", sql: "delete from TABLE where ROW", kind: always("missing")},
	{name: "moved to another tenant", sql: "update TABLE set tenant_id = tenant_id + 1000000 where ROW", kind: always("missing")},
	{name: "renamed", sql: "update TABLE set st_id = NEWKEY where ROW", kind: always("missing"), also: "extra"},
	{name: "marked deleted", sql: "update TABLE set deleted_at = fetched_at where ROW", kind: func(e entity.Entity, _ bool) string {
		if e.Export == "" {
			return "missing" // a sync marks rows of a list
		}
		return "damaged" // the record says whether it is deleted
	}},
	{name: "added", sql: strings.ReplaceAll(copyRow, "FETCHED", "t.fetched_at"), kind: always(""), also: "extra"},
	{name: "added silently, from the future", sql: strings.ReplaceAll(copyRow, "FETCHED", "'2100-01-01Z'"), silent: true, endures: true, kind: always(""), also: "extra"},
	{name: "aged", sql: `update TABLE set full_data = full_data || '{"modifiedOn": "2001-01-01T00:00:00Z"}', modified_on = '2001-01-01Z' where ROW`, kind: agedKind},
	{name: "aged silently", sql: `update TABLE set full_data = full_data || '{"modifiedOn": "2001-01-01T00:00:00Z"}', modified_on = '2001-01-01Z', fingerprint = gen_random_uuid() where ROW`, silent: true, kind: func(_ entity.Entity, versioned bool) string {
		return "stale"
	}},
	{name: "aged, but not modified_on", sql: `update TABLE set full_data = full_data || '{"modifiedOn": "2001-01-01T00:00:00Z"}' where ROW`, kind: always("damaged")},
	{name: "another document", sql: `update TABLE set full_data = full_data || '{"note": "damaged"}' where ROW`, kind: always("damaged")},
	{name: "another document, silently", sql: `update TABLE set full_data = full_data || '{"note": "damaged"}' where ROW`, silent: true, kind: always("damaged")},
	{name: "another document with a fingerprint", sql: `update TABLE set full_data = full_data || '{"note": "damaged"}', fingerprint = gen_random_uuid() where ROW`, silent: true, kind: staleIfUnversioned},
	{name: "a field less", sql: `update TABLE set full_data = full_data - (select max(name) from jsonb_object_keys(full_data) name where name <> 'modifiedOn') where ROW`, kind: always("damaged")},
	{name: "emptied", sql: "update TABLE set full_data = '{}', modified_on = null where ROW", kind: always("damaged")},
	{name: "no object", sql: "update TABLE set full_data = '[]', modified_on = null where ROW", kind: always("damaged")},
	{name: "modified_on", sql: "update TABLE set modified_on = '2001-01-01Z' where ROW", kind: always("damaged")},
	{name: "typed column", sql: "update TABLE set COLUMN = OTHER where ROW", kind: always("damaged")},
	{name: "fingerprint", sql: "update TABLE set fingerprint = gen_random_uuid() where ROW", kind: always("damaged")},
	{name: "from the future", sql: `update TABLE set full_data = full_data || '{"modifiedOn": "2100-01-01T00:00:00Z"}', modified_on = '2100-01-01Z' where ROW`, endures: true, kind: always("damaged")},
	{name: "revived", sql: "update TABLE set deleted_at = null where ROW", revives: true, kind: func(e entity.Entity, _ bool) string {
		if e.Export == "" {
			return "extra"
		}
		return "damaged"
	}},
}

// agedKind is the kind of a row with an older modifiedOn whose fingerprint the trigger has cleared.
func agedKind(_ entity.Entity, versioned bool) string {
	if versioned {
		return "stale"
	}
	return "damaged" // the record has no version
}

// otherValues are expressions of a value that the column does not have.
var otherValues = map[entity.ColumnType]string{
	entity.Text: "concat(COLUMN, 'x')", entity.Bigint: "coalesce(COLUMN, 0) + 1", entity.Numeric: "coalesce(COLUMN, 0) + 1",
	entity.Boolean: "not coalesce(COLUMN, false)", entity.Timestamptz: "coalesce(COLUMN, '2026-01-01Z') + interval '1 hour'",
}

// apply damages the row with a key. It returns the key of another row that it made, "" for none.
func (d damage) apply(p *pipeline, e entity.Entity, key string, random *rand.Rand) (made string) {
	p.Helper()
	if d.also != "" {
		made = "999999" + key // for a GUID too
		if e.Key == entity.Int64ID {
			made = fmt.Sprint(8_000_000_000_000 + random.Int64N(1_000_000_000))
		}
	}
	column := e.Columns[random.IntN(len(e.Columns))]
	sql := strings.NewReplacer("OTHER", otherValues[column.Type], "TABLE", "raw."+e.Table(), "ROW",
		fmt.Sprintf("tenant_id = %s and st_id = '%s'", p.tenant, key), "NEWKEY", fmt.Sprintf("'%s'::%s", made, ddl.KeyType(e))).Replace(d.sql)
	sql = strings.ReplaceAll(sql, "COLUMN", ddl.Quote(column.Name))
	if d.silent {
		sql = "begin; set local session_replication_role = replica; " + sql + "; commit"
	}
	_, err := p.pool.Exec(p.Context(), sql)
	require.NoError(p, err, "%s: %s", d.name, sql)
	return made
}
