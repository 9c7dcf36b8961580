package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/store/views"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// denver is the time zone of the tenant in tests of views.
var denver = store.TimeZones{tenant: "America/Denver"}

// viewed are the entities whose tables the views read.
func viewed() []entity.Entity {
	return slices.DeleteFunc(slices.Clone(entity.Catalogue), func(e entity.Entity) bool {
		return !slices.ContainsFunc(views.All, func(v views.View) bool { return slices.Contains(v.Entities(), e.Name) })
	})
}

func openViewed(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{Entities: viewed(), Logger: zerolog.New(zerolog.NewTestWriter(t))})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// newTables returns a migrated database without views.
func newTables(t testing.TB) *fixture {
	t.Helper()
	return viewedFixture(t, pgtest.Prepared(t, "viewed", migrateViewed))
}

// newViews returns a migrated database with views.
func newViews(t testing.TB) *fixture {
	t.Helper()
	return viewedFixture(t, pgtest.Prepared(t, "views", func(ctx context.Context, url string) error {
		s, err := store.Open(ctx, url, store.Options{Entities: viewed()})
		if err != nil {
			return err
		}
		defer s.Close()
		if _, err = s.Migrate(ctx); err == nil {
			_, err = s.MigrateViews(ctx, denver)
		}
		return err
	}))
}

func migrateViewed(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url, store.Options{Entities: viewed()})
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Migrate(ctx)
	return err
}

func viewedFixture(t testing.TB, url string) *fixture {
	t.Helper()
	return &fixture{TB: t, Store: openViewed(t, url), url: url, db: openPool(t, url)}
}

// insert stores a record of a tenant, past the store. The trigger computes the typed columns.
func (f *fixture) insert(entity string, id any, record string) {
	f.Helper()
	f.exec(fmt.Sprintf(`insert into raw.st_%s (tenant_id, st_id, modified_on, full_data, fetched_at, run_number)
		values ($1, $2, '2026-03-01T12:00:00Z', $3, now(), 1)`, entity), tenant, id, record)
}

func (f *fixture) migrateViews(zones store.TimeZones) []string {
	f.Helper()
	planned, err := f.ViewChanges(f.Context(), zones)
	require.NoError(f, err)
	applied, err := f.MigrateViews(f.Context(), zones)
	require.NoError(f, err)
	require.Equal(f, planned, applied)
	return applied
}

func TestMigrateViews(t *testing.T) {
	t.Parallel()
	f := newTables(t)
	applied := f.migrateViews(denver)
	require.Contains(t, applied, "view st.customers")
	require.Contains(t, applied, "time zone of tenant 42: America/Denver")
	require.Len(t, applied, len(views.All)+1)
	require.Empty(t, f.migrateViews(denver))
	require.Empty(t, f.migrateViews(nil))

	require.EqualValues(t, len(views.All), get[int64](f, "select count(*) from pg_views where schemaname = 'st'"))
	for _, v := range views.All {
		got := get[[]string](f, `select array_agg(attname || ' ' || format_type(atttypid, null) || ' ' || col_description(attrelid, attnum) order by attnum)
			from pg_attribute where attrelid = $1::regclass and attnum > 0`, v.QualifiedName())
		var want []string
		for _, c := range v.Describe() {
			full := strings.NewReplacer("timestamptz", "timestamp with time zone").Replace(c.Type)
			if c.Type == "timestamp" {
				full = "timestamp without time zone"
			}
			want = append(want, c.Name+" "+full+" "+c.Doc)
		}
		require.Equal(t, want, got, v.Name)
	}
}

func TestMigrateViewsConcurrently(t *testing.T) {
	t.Parallel()
	f := newTables(t)
	errs := make(chan error, 3)
	for range cap(errs) {
		s := openViewed(t, f.url)
		go func() {
			_, err := s.MigrateViews(t.Context(), denver)
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Empty(t, f.migrateViews(denver))
}

// TestViewsOfSomeEntities: a store of a few entities, as tests have it, creates the views of these.
func TestViewsOfSomeEntities(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.Equal(t, []string{"view st.customers", "view st.invoice_items", "view st.estimate_items"}, f.migrateViews(nil), "others read locations")
}

func TestViewsWithoutTheSchemaOfTheLedger(t *testing.T) {
	t.Parallel()
	_, err := openViewed(t, pgtest.Database(t)).MigrateViews(t.Context(), nil)
	require.ErrorContains(t, err, "run lazisync migrate")
}

// former creates a view of an earlier version in place of a view.
func (f *fixture) former(name, query string) {
	f.Helper()
	f.exec(fmt.Sprintf("drop view if exists st.%s", name))
	f.exec(fmt.Sprintf("create view st.%s as %s", name, query))
	f.exec(fmt.Sprintf("comment on view st.%s is 'Former. (lazisync view, version 0, 0123456789abcdef)'", name))
}

// TestViewsAreReplaced: a view with further columns at its end is replaced in place. Any other is
// dropped and created, and keeps the privileges of roles.
func TestViewsAreReplaced(t *testing.T) {
	t.Parallel()
	reader := role(t)
	f := newViews(t)
	f.former("campaigns", "select tenant_id, st_id as id from raw.st_campaigns")
	f.former("tag_types", "select tenant_id, st_id::text as id, 1 as gone from raw.st_tag_types")
	f.former("gone", "select 1 as one")
	f.exec("create view public.report as select id from st.campaigns")
	f.exec(fmt.Sprintf("grant select on st.campaigns to %[1]s; grant select on st.tag_types to %[1]s with grant option; grant insert on st.tag_types to public", reader))
	require.Equal(t, []string{"dropped st.gone", "view st.campaigns", "view st.tag_types"}, f.migrateViews(denver))
	f.insert("campaigns", 1, `{"id": 1, "name": "Radio"}`)
	require.EqualValues(t, 1, get[int64](f, "select id from public.report"))
	require.Equal(t, "Radio", get[string](f, "select name from st.campaigns"))
	for _, name := range []string{"campaigns", "tag_types"} {
		require.True(t, get[bool](f, "select has_table_privilege($1, $2, 'select')", reader, "st."+name), name)
	}
	require.True(t, get[bool](f, "select has_table_privilege($1, 'st.tag_types', 'select with grant option')", reader))
	require.True(t, get[bool](f, "select has_table_privilege($1, 'st.tag_types', 'insert')", reader), "of public")
	require.Empty(t, f.migrateViews(denver))
}

func TestViewsThatOthersNeedAreNotDropped(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	f.former("business_units", "select st_id as id from raw.st_business_units")
	f.former("tag_types", "select st_id as id from raw.st_tag_types")
	f.exec("create view public.report as select id from st.tag_types; create materialized view public.summary as select count(*) from st.tag_types")
	_, err := f.MigrateViews(t.Context(), denver)
	require.ErrorContains(t, err, "st.tag_types has other columns in this version, and other objects need the present ones: "+
		"view report depends on view st.tag_types; materialized view summary depends on view st.tag_types: drop these, run lazisync migrate, and create them again")
	require.EqualValues(t, 1, get[int64](f, "select count(*) from information_schema.columns where table_schema = 'st' and table_name = 'business_units'"), "all or nothing")
	f.exec("drop view public.report; drop materialized view public.summary")
	require.Equal(t, []string{"view st.business_units", "view st.tag_types"}, f.migrateViews(denver))
}

// TestViewsOfANewerVersionStay: the older version migrates after a rollback.
func TestViewsOfANewerVersionStay(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	f.former("tag_types", "select st_id as id, 1 as later from raw.st_tag_types")
	f.former("later", "select 1 as one")
	f.exec(fmt.Sprintf("comment on view st.later is 'Later. (lazisync view, version %d, 0123456789abcdef)'", views.Version+1))
	f.exec("drop view st.campaigns")
	require.Empty(t, f.migrateViews(denver))
	require.EqualValues(t, 1, get[int64](f, "select count(*) from st.later"))

	f.exec("alter table raw.st_customers drop column fingerprint; drop function raw.st_jobs_columns cascade")
	_, err := f.Migrate(t.Context())
	require.NoError(t, err, "views block no migration of the tables")
	require.NoError(t, f.CheckSchema(t.Context()))
}

func TestASchemaOfOthersIsRefused(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]string{
		"a table":    "create table st.customers (id int)",
		"a function": "create function st.one() returns int language sql as 'select 1'",
		"a view":     "create view st.report as select 1 as one",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTables(t)
			f.exec("create schema st; " + create)
			_, err := f.MigrateViews(t.Context(), denver)
			require.ErrorContains(t, err, "the schema st holds objects that lazisync did not create, such as ")
			require.ErrorContains(t, err, "set SYNC_VIEWS=off")
			_, err = f.ViewChanges(t.Context(), denver)
			require.ErrorContains(t, err, "set SYNC_VIEWS=off")
		})
	}
	t.Run("beside the views", func(t *testing.T) {
		t.Parallel()
		f := newViews(t)
		f.exec("create view st.report as select count(*) from st.jobs; create table st.targets (id int)")
		require.Empty(t, f.migrateViews(denver))
		f.exec("drop view st.tag_types; create table st.tag_types (id int)")
		_, err := f.MigrateViews(t.Context(), denver)
		require.ErrorContains(t, err, "st.tag_types is not a view that lazisync created: rename it, or set SYNC_VIEWS=off")
	})
	t.Run("all views dropped", func(t *testing.T) { // as by drop schema raw cascade
		t.Parallel()
		f := newViews(t)
		f.exec("create table st.targets (id int)")
		for _, v := range views.All {
			f.exec("drop view " + v.QualifiedName())
		}
		require.Len(t, f.migrateViews(denver), len(views.All))
	})
}

func TestMigrateViewsOfAMigratorWithoutPrivileges(t *testing.T) {
	t.Parallel()
	migrator := role(t)
	f := exclusive(t)
	f.exec(fmt.Sprintf("create schema raw authorization %[1]s; create schema raw_rebuild authorization %[1]s", migrator))
	s := openViewed(t, as(t, f.url, migrator))
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	_, err = s.MigrateViews(t.Context(), denver)
	require.ErrorContains(t, err, "create schema st: ERROR: permission denied for database")
	require.ErrorContains(t, err, "or set SYNC_VIEWS=off")
	f.exec("create schema st")
	_, err = s.MigrateViews(t.Context(), denver)
	require.ErrorContains(t, err, "permission denied for schema st")
	require.ErrorContains(t, err, "or set SYNC_VIEWS=off")
	f.exec("grant usage, create on schema st to " + migrator)
	applied, err := s.MigrateViews(t.Context(), denver)
	require.NoError(t, err)
	require.Len(t, applied, len(views.All)+1)
}

// TestReadersNeedOnlyTheViews: nothing in schema raw.
func TestReadersNeedOnlyTheViews(t *testing.T) {
	t.Parallel()
	reader := role(t)
	f := newViews(t)
	f.fillViews()
	f.exec(fmt.Sprintf("grant usage on schema st to %[1]s; grant select on all tables in schema st to %[1]s", reader))
	db := openPool(t, as(t, f.url, reader))
	for _, v := range views.All {
		_, err := db.Exec(t.Context(), "select * from "+v.QualifiedName())
		require.NoError(t, err, v.Name)
	}
	_, err := db.Exec(t.Context(), "select * from raw.st_customers")
	require.ErrorContains(t, err, "permission denied for schema raw")
}

func TestTimeZonesOfViews(t *testing.T) {
	t.Parallel()
	f := newViews(t)
	local := func() string {
		return get[string](f, "select created_on_local::text from st.campaigns where tenant_id = 42 and id = 1")
	}
	f.insert("campaigns", 1, `{"id": 1, "createdOn": "2026-07-01T02:00:00Z"}`)
	f.exec(`insert into raw.st_campaigns (tenant_id, st_id, full_data, fetched_at, run_number) values (43, 1, '{"createdOn": "2026-07-01T02:00:00Z"}', now(), 1)`)
	require.Equal(t, "2026-06-30 20:00:00", local())
	require.Equal(t, "2026-07-01 02:00:00", get[string](f, "select created_on_local::text from st.campaigns where tenant_id = 43"), "UTC, unless configured")

	zones := store.TimeZones{"42": "Asia/Kolkata", "43": "Europe/Berlin", "44": "UTC"}
	require.Equal(t, []string{"time zone of tenant 42: Asia/Kolkata", "time zone of tenant 43: Europe/Berlin"}, f.migrateViews(zones))
	require.Equal(t, "2026-07-01 07:30:00", local())
	require.Equal(t, "2026-07-01 04:00:00", get[string](f, "select created_on_local::text from st.campaigns where tenant_id = 43"))

	_, err := f.MigrateViews(t.Context(), store.TimeZones{tenant: "Mars/Olympus"})
	require.ErrorContains(t, err, "time zone Mars/Olympus of tenant 42: ERROR: time zone \"Mars/Olympus\" not recognized")
	require.ErrorContains(t, err, "SYNC_VIEWS=off")
	require.Equal(t, "2026-07-01 07:30:00", local())
}

// TestViewsOfAdoptedTables: the views also show what the legacy worker writes, and do not keep an
// adoption from ending.
func TestViewsOfAdoptedTables(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	f.migrateViews(denver)
	shown := func(id int) string {
		return get[string](f.fixture, "select name || ' ' || balance || ' ' || modified_on_local from st.customers where tenant_id = 42 and id = $1", id)
	}
	f.write(900, at(0), "Ann")
	require.Equal(t, "Ann 7.125 2026-03-01 05:00:00", shown(900))
	_, err := f.FinishAdoption(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Ann 7.125 2026-03-01 05:00:00", shown(900))
	require.Empty(t, f.migrateViews(denver))
}
