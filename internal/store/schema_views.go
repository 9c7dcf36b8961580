package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
	"github.com/lazi/lazisync/internal/store/views"
)

// TimeZones are the time zones of tenants, by their names in the IANA database.
type TimeZones map[events.TenantID]string

const (
	// schemaComment marks a schema st that lazisync created. One that an administrator created is
	// lazisync's if it has its views or nothing at all.
	schemaComment = "Views of the records for people, by lazisync migrate."

	// fixViews is what to do if the views cannot be created.
	fixViews = "docs/views.md lists what migrate needs; or set SYNC_VIEWS=off"
)

// MigrateViews creates the views of schema st, replaces those whose definition has changed, and sets
// the time zones for their local times. It returns what it did. It comes after Migrate and may be
// repeated. Views of a newer version stay as they are.
func (s *Store) MigrateViews(ctx context.Context, zones TimeZones) (applied []string, err error) {
	err = s.retryLocked(ctx, views.Schema, func() error {
		return s.stepWith(ctx, settings{"lock_timeout": lockWait}, func(tx pgx.Tx) error {
			plan, err := s.planViews(ctx, tx, zones)
			if err == nil {
				err = plan.apply(ctx, tx)
			}
			applied = plan.changes()
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("migrate the views of schema %s: %w", views.Schema, withViewsFix(refusalOf(err)))
	}
	return applied, nil
}

// withViewsFix replaces the fix of a missing privilege, and of a time zone that PostgreSQL does not know.
func withViewsFix(err error) error {
	if refusal, ok := errors.AsType[*Refusal](err); ok && (refusal.Code == "42501" || refusal.Code == "22023") {
		refusal.Fix = fixViews
	}
	return err
}

// ViewChanges lists what MigrateViews would do.
func (s *Store) ViewChanges(ctx context.Context, zones TimeZones) ([]string, error) {
	return readValue(ctx, s, "check the views", func(q ddl.Querier) ([]string, error) {
		plan, err := s.planViews(ctx, q, zones)
		return plan.changes(), err
	})
}

// viewPlan is what a migration of the views has to do.
type viewPlan struct {
	createSchema bool
	create       []views.View // those that are missing or have another definition
	drop         []string     // views of an earlier version
	zones        []tenantZone
}

type tenantZone struct {
	tenant events.TenantID
	zone   string
}

// changes describes the plan, one line for each change.
func (p viewPlan) changes() (lines []string) {
	for _, name := range p.drop {
		lines = append(lines, "dropped "+views.Schema+"."+name)
	}
	for _, v := range p.create {
		lines = append(lines, "view "+v.QualifiedName())
	}
	for _, z := range p.zones {
		lines = append(lines, fmt.Sprintf("time zone of tenant %s: %s", z.tenant, z.zone))
	}
	return lines
}

// planViews compares the schema with the definitions.
func (s *Store) planViews(ctx context.Context, q ddl.Querier, zones TimeZones) (p viewPlan, err error) {
	var schema schemaState
	if schema, err = readSchema(ctx, q); err != nil {
		return p, err
	}
	if err := schema.checkForeign(); err != nil {
		return p, err
	}
	p.createSchema = !schema.exists
	if schema.version() <= views.Version {
		for _, v := range s.wantedViews() {
			if o, ok := schema.find(v.Name); !ok || o.digest != v.Digest() || o.version != views.Version {
				p.create = append(p.create, v)
			}
		}
		for _, o := range schema.objects {
			isKnown := slices.ContainsFunc(views.All, func(v views.View) bool { return v.Name == o.name })
			if o.isOurs && !isKnown {
				p.drop = append(p.drop, o.name)
			}
		}
	}
	p.zones, err = changedZones(ctx, q, zones)
	return p, err
}

// wantedViews returns the views of which the tables belong to the entities of the Store.
func (s *Store) wantedViews() []views.View {
	return slices.DeleteFunc(slices.Clone(views.All), func(v views.View) bool {
		return slices.ContainsFunc(v.Entities(), func(name string) bool {
			return !slices.ContainsFunc(s.entities, func(e entity.Entity) bool { return e.Name == name })
		})
	})
}

// changedZones returns the time zones that differ from those of raw.sync_time_zones, sorted by tenant.
// A tenant without a row has UTC.
func changedZones(ctx context.Context, q ddl.Querier, zones TimeZones) (changed []tenantZone, err error) {
	known := TimeZones{}
	var tenant, zone string
	_, err = pgx.ForEachRow(query(ctx, q, "select tenant_id::text, time_zone from raw.sync_time_zones"), []any{&tenant, &zone}, func() error {
		known[events.TenantID(tenant)] = zone
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(zones)) {
		if cmp.Or(known[id], "UTC") != zones[id] {
			changed = append(changed, tenantZone{id, zones[id]})
		}
	}
	return changed, err
}

// apply makes the changes.
func (p viewPlan) apply(ctx context.Context, tx pgx.Tx) error {
	if p.createSchema {
		if err := createSchema(ctx, tx, views.Schema); err != nil {
			return err
		}
		if err := ddl.ExecAll(ctx, tx, []string{"comment on schema " + views.Schema + " is " + quoteLiteral(schemaComment)}); err != nil {
			return err
		}
	}
	for _, z := range p.zones {
		if err := z.set(ctx, tx); err != nil {
			return err
		}
	}
	for _, name := range p.drop {
		if err := dropView(ctx, tx, views.Schema+"."+ddl.Quote(name)); err != nil {
			return err
		}
	}
	for _, v := range p.create {
		if err := createView(ctx, tx, v); err != nil {
			return err
		}
	}
	return nil
}

// set stores the time zone. PostgreSQL must know it, or every query of a local time would fail.
func (z tenantZone) set(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		insert into raw.sync_time_zones (tenant_id, time_zone) select $1::bigint, $2::text where (now() at time zone $2::text) is not null
		on conflict (tenant_id) do update set time_zone = excluded.time_zone`, z.tenant, z.zone)
	if err != nil {
		return fmt.Errorf("time zone %s of tenant %s: %w", z.zone, z.tenant, err)
	}
	return nil
}

// createView creates or replaces a view. Where the columns have changed in a way that PostgreSQL
// does not replace, it drops the view and grants the privileges again.
func createView(ctx context.Context, tx pgx.Tx, v views.View) error {
	statements := v.CreateSQL()
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return ddl.ExecAll(ctx, tx, statements[:1]) })
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42P16" { // invalid_table_definition
		var grants []string
		if grants, err = viewGrants(ctx, tx, v.QualifiedName()); err != nil {
			return err
		}
		if err = dropView(ctx, tx, v.QualifiedName()); err != nil {
			return err
		}
		err = ddl.ExecAll(ctx, tx, append(statements[:1:1], grants...))
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, strings.Join(statements[1:], ";\n")) // without parameters one Exec runs several statements
	return err
}

// viewGrants returns the statements that grant the privileges on a view to other roles.
func viewGrants(ctx context.Context, tx pgx.Tx, view string) ([]string, error) {
	return pgx.CollectRows(query(ctx, tx, `
		select format('grant %s on %s to %s%s', privilege_type, $1::text, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
			case when is_grantable then ' with grant option' else '' end)
		from pg_class, aclexplode(relacl) where pg_class.oid = to_regclass($1) and grantee <> relowner`, view), pgx.RowTo[string])
}

// dropView drops a view. It fails with the names of the objects that depend on it.
func dropView(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, "drop view "+name)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "2BP01" { // dependent_objects_still_exist
		return fmt.Errorf("%s has other columns in this version, and other objects need the present ones: %s: drop these, run lazisync migrate, and create them again, or set SYNC_VIEWS=off",
			name, strings.ReplaceAll(pg.Detail, "\n", "; "))
	}
	return err
}
