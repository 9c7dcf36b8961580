package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/markers"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/simulator"
)

const (
	marker    = "mrkr-of-a-policy-"
	fieldsKey = "0123456789abcdef0123456789abcdef"
)

// planted lets ServiceTitan send records that have markers in every field, but in those that cannot be named.
func (p *pipeline) planted(e entity.Entity) {
	p.answer = func(api http.Handler, w http.ResponseWriter, r *http.Request) {
		markers.Serve(api, w, r, func(body []byte) (int, []byte) { return http.StatusOK, markers.Plant(e, body, marker) })
	}
}

// findMarkers lists the tables in which a row has a marker, also in bytes.
func (d *database) findMarkers(t *testing.T) (found []string) {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), `select c.oid::regclass::text from pg_class c
		where relnamespace in ('raw'::regnamespace, 'raw_rebuild'::regnamespace) and relkind in ('r', 'p') order by 1`)
	require.NoError(t, err)
	var tables []string
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		tables = append(tables, table)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(tables), len(entity.Catalogue))
	for _, table := range tables {
		var has bool
		require.NoError(t, d.pool.QueryRow(t.Context(), `select exists (select from `+table+` r
			where r::text ilike '%mrkr%' or r::text like '%`+markers.Number+`%' or r::text like '%6d726b72%')`).Scan(&has), table)
		if has {
			found = append(found, table)
		}
	}
	return found
}

// fieldRules returns a rule for each of the fields, which hashes it if that is possible.
func fieldRules(e entity.Entity, fields []string) (rules []entity.FieldRule) {
	for _, field := range fields {
		inner := slices.ContainsFunc(fields, func(other string) bool { return strings.HasPrefix(other, field+".") })
		rule := entity.FieldRule{Entity: e.Name, Path: field, Action: entity.HashField}
		if inner || rule.Check(e) != nil {
			continue
		}
		if len(entity.NewFieldPolicy([]entity.FieldRule{rule}).HashedColumns(e)) > 0 {
			rule.Action = entity.DropField
		}
		rules = append(rules, rule)
	}
	return rules
}

// The values of fields that are dropped or hashed, of every entity and in every field of its records, are in
// no table.
func TestFieldPolicyOfEveryEntity(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	t.Run("entities", func(t *testing.T) {
		for _, e := range entity.Catalogue {
			t.Run(e.Name, func(t *testing.T) {
				t.Parallel()
				checkFieldPolicy(newPipeline(t, db, simulator.Options{}, e.Name), e)
			})
		}
	})
	require.Empty(t, db.findMarkers(t))

	// Without a policy, the search finds them.
	p := newPipeline(t, db, simulator.Options{}, "customers")
	customers, _ := entity.Find("customers")
	p.planted(customers)
	p.requireSync(events.Full, "customers")
	require.Subset(t, db.findMarkers(t), []string{"raw.st_customers", "raw.schema_drift"})
}

func checkFieldPolicy(p *pipeline, e entity.Entity) {
	p.planted(e)
	p.keep(entity.FieldRule{Entity: e.Name, Path: entity.OtherFields, Action: entity.DropField})
	first := p.requireSync(events.Full, e.Name)
	require.EqualValues(p, records, first.Inserted)
	require.Empty(p, p.castFailures(e))
	left := value[[]string](p, "select coalesce(array_agg(distinct field), '{}') from raw."+e.Table()+", jsonb_object_keys(full_data) field where tenant_id = $1", p.tenant)
	require.Subset(p, e.EngineFields(), left)

	// The fields are known although they were dropped. Now each has a rule of its own.
	fields := value[[]string](p, "select array_agg(field) from raw.sync_fields where tenant_id = $1 and table_name = $2", p.tenant, "raw."+e.Table())
	rules := fieldRules(e, fields)
	p.keep(rules...)
	second := p.requireSync(events.Full, e.Name)
	require.Zero(p, second.Inserted)
	require.Empty(p, p.castFailures(e))
	hashes := slices.ContainsFunc(rules, func(r entity.FieldRule) bool { return r.Action == entity.HashField })
	if hashes {
		require.NotZero(p, second.Updated, "%v", rules)
		require.NotZero(p, value[int64](p, "select count(*) from raw."+e.Table()+" where tenant_id = $1 and full_data::text ~ '\"[0-9a-f]{64}\"'", p.tenant))
	}
	idle := p.requireSync(events.Full, e.Name)
	require.Zero(p, idle.Inserted+idle.Updated+idle.Deleted, "equal values have equal hashes")
	require.Equal(p, &events.Differences{Sample: []string{}}, p.requireSync(events.Verify, e.Name).Differences)
}

// keep makes the client apply rules.
func (p *pipeline) keep(rules ...entity.FieldRule) {
	p.source.Client = p.newClient(servicetitan.NewFieldPolicy(entity.NewFieldPolicy(rules), fieldsKey))
}
