package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/internal/entity"
)

func TestLegacyStatementsAndPagesKeepTheNewestVersion(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(5), "1", false,
		customer(1, at(2), "newer"), customer(5, time.Time{}, "without modifiedOn"), customer(2, at(2), "same"), customer(3, at(2), "older"), gone(customer(4, at(2), "deleted"))))
	require.EqualValues(t, 4, p.Updated)
	require.EqualValues(t, 1, p.Deleted)

	f.write(1, at(1), "late")
	require.Equal(t, version{"newer", false, run.Number}, f.version(1), "an older version does not replace a newer one")
	f.write(2, at(2), "written by the legacy worker")
	require.Equal(t, version{"same", false, run.Number}, f.version(2), "lazisync has stored this version as it was received")
	var id int
	require.NoError(t, f.worker.QueryRow(t.Context(), upsert+" returning st_id", 2, "x", `{"id": 2}`).Scan(&id), "a statement that changes nothing succeeds")
	f.write(5, at(3), "perhaps read before")
	require.Equal(t, version{"without modifiedOn", false, run.Number}, f.version(5), "without modifiedOn the version is not known to be newer")
	f.write(3, at(3), "edited")
	require.Equal(t, version{"edited", false, 0}, f.version(3), "a newer version replaces an older one, and no run changed the row")
	require.Equal(t, "7.125", get[string](f.fixture, "select balance::text from raw.st_customers where st_id = 3"), "typed columns follow the record")
	f.write(4, at(3), "deleted")
	require.True(t, f.version(4).Deleted, "only lazisync clears deleted_at")
	f.write(500, at(3), "new")
	require.Equal(t, version{"new", false, 0}, f.version(500))
	require.Equal(t, at(3), get[time.Time](f.fixture, "select modified_on from raw.st_customers where tenant_id = 42 and st_id = 500").UTC())

	p = f.storePage(run, c, p, page(at(6), "2", false, customer(3, at(2), "older"), customer(500, at(4), "newer")))
	require.Equal(t, version{"edited", false, 0}, f.version(3))
	require.Equal(t, version{"newer", false, run.Number}, f.version(500))
	// Within one run, a page may change a row twice.
	f.storePage(run, c, p, page(at(7), "3", true, customer(500, at(4), "read again")))
	require.Equal(t, "read again", f.version(500).Name)

	// A statement with the same record leaves run_number as it is.
	_, err := f.worker.Exec(t.Context(), `update raw.st_customers set fetched_at = now(), name = 'touched' where st_id = 500`)
	require.NoError(t, err)
	require.Equal(t, version{"read again", false, run.Number}, f.version(500))
}

func TestLegacyStatementsOnSyncStateKeepTheRowCount(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	write := func(table string) {
		_, err := f.worker.Exec(t.Context(), `
			insert into raw.sync_state (table_name, last_full_sync, last_incremental_sync, records_count, sync_status) values ($1, $2, now(), $3, $4)
			on conflict (table_name) do update set last_full_sync = excluded.last_full_sync, last_incremental_sync = excluded.last_incremental_sync,
				records_count = excluded.records_count, sync_status = excluded.sync_status`, table, at(9), 3, nil)
		require.NoError(t, err)
	}
	write("raw.st_customers")
	write("customers")
	s := f.state(find(t, "customers"))
	require.Equal(t, at(9), s.LastFullSync)
	require.EqualValues(t, 102, s.Records, "records_count stays that of lazisync")
	require.Equal(t, "adopted, needs a full sync", f.open(f.beginIncremental("i", 1, "customers"), find(t, "customers")).SkippedReason)
	require.EqualValues(t, 3, get[int](f.fixture, "select records_count from raw.sync_state where table_name = 'customers' and tenant_id = 42"))
}

// Both insert the same records at the same time, in opposite orders: every statement succeeds,
// no record is rejected, and the newest version of each record is kept.
func TestLegacyStatementsDuringAFullSync(t *testing.T) {
	t.Parallel()
	f := newLegacy(t, "", tenant)
	f.adopt()
	c := find(t, "customers")
	const pages, size, first = 20, 100, 1000
	run := f.beginFull("r", "customers")
	var writers errgroup.Group
	for w := range 3 {
		writers.Go(func() error {
			for id := first + pages*size - 1; id >= first; id-- {
				// Every third version of the legacy worker is the newer one.
				modified := at(1)
				if id%3 == 0 {
					modified = at(3)
				}
				if id%4 != w {
					continue
				}
				if _, err := f.worker.Exec(t.Context(), upsert, id, "x", fmt.Sprintf(`{"id": %d, "name": "legacy", "modifiedOn": %q}`, id, modified.Format(time.RFC3339))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	p := f.open(run, c)
	for n := range pages {
		var records []entity.Record
		for id := first + n*size; id < first+(n+1)*size; id++ {
			records = append(records, customer(id, at(2), "lazisync"))
		}
		p = f.storePage(run, c, p, page(at(2), fmt.Sprint(n), n == pages-1, records...))
	}
	require.NoError(t, writers.Wait())
	require.EqualValues(t, pages*size, p.Fetched)
	require.Zero(t, p.Rejected)
	require.Equal(t, int64(0), get[int64](f.fixture, `select count(*) from raw.st_customers where st_id >= $1
		and name <> case when st_id % 3 = 0 and st_id % 4 <> 3 then 'legacy' else 'lazisync' end`, first))
	_, err := f.Migrate(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 102+pages*size, f.state(c).Records, "Migrate counts the rows again")
}

// The legacy statement has looked for conflicts and has not inserted its row into the indexes
// when lazisync inserts the same row.
func TestLegacyStatementSucceedsWhenAPageInsertsItsRowInBetween(t *testing.T) {
	t.Parallel()
	// Rows are inserted into indexes in the order of their creation: this one comes before the keys.
	f := newLegacy(t, `;
		create function public.held(active boolean) returns boolean immutable language plpgsql as $$
		begin
			if current_setting('test.held', true) = 'on' then perform pg_advisory_xact_lock_shared(1); end if;
			return active;
		end $$;
		create index held on raw.st_customers (public.held(active))`, tenant)
	f.adopt()
	holder, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = holder.Exec(t.Context(), "select pg_advisory_xact_lock(1)")
	require.NoError(t, err)

	var inserting errgroup.Group
	inserting.Go(func() error {
		return pgx.BeginFunc(t.Context(), f.worker, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "set local test.held = 'on'"); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), upsert, 500, "x", `{"id": 500, "name": "legacy", "modifiedOn": "2026-03-01T12:01:00Z"}`)
			return err
		})
	})
	require.Eventually(t, func() bool {
		return get[bool](f.fixture, "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory')")
	}, time.Minute, 5*time.Millisecond)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(2), "1", true, customer(500, at(2), "lazisync")))
	require.Zero(t, p.Rejected)
	require.NoError(t, holder.Rollback(t.Context()))
	require.NoError(t, inserting.Wait(), "the legacy statement does not fail")
	require.Equal(t, version{"lazisync", false, run.Number}, f.version(500))
}
