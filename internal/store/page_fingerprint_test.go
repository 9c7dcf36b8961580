package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// fingerprinted counts rows of customers with a fingerprint.
func (f *fixture) fingerprinted() int64 {
	f.Helper()
	return get[int64](f, "select count(fingerprint) from raw.st_customers")
}

// named is a customer without a modification time, of which the bytes alone tell versions apart.
func named(id int, name string) entity.Record { return customer(id, time.Time{}, name) }

// TestFingerprintsOfOtherWriters has each kind of writer change a row and ServiceTitan send the
// first version once more: it must not be taken for unchanged.
func TestFingerprintsOfOtherWriters(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b build, run ledger.Run){
		"a person": func(b build, _ ledger.Run) {
			b.exec(`update raw.st_customers set full_data = full_data || '{"name": "changed"}'`)
		},
		"a person who deletes and inserts": func(b build, run ledger.Run) {
			b.exec("delete from raw.st_customers")
			b.exec(`insert into raw.st_customers (tenant_id, st_id, full_data, fetched_at, run_number, fingerprint)
				select 42, 1, '{"id": 1, "name": "changed"}', $1, 1, gen_random_uuid()`, at(2))
		},
		"a build with other columns": func(b build, run ledger.Run) {
			old := b.with("balance")
			old.storePage(run, old.customers, old.open(run, old.customers), page(at(2), "2", false, named(1, "changed")))
		},
		"a build without fingerprints": func(b build, run ledger.Run) {
			require.NoError(b, b.untold(run.Number, 2, customer(1, at(0), "changed")))
		},
		"a build without fingerprints, with the same columns": func(b build, _ ledger.Run) {
			digest := sha256.Sum256([]byte("raw.st_customers\nactive boolean = active\nbalance numeric = balance\ncreated_on timestamptz = createdOn\n" +
				"merged_to_id bigint = mergedToId\nname text = name\ntype text = type"))
			require.NoError(b, pgx.BeginFunc(b.Context(), b.db, func(tx pgx.Tx) error {
				_, err := tx.Exec(b.Context(), "select set_config('lazisync.columns', $1, true)", hex.EncodeToString(digest[:8]))
				if err == nil {
					_, err = tx.Exec(b.Context(), `update raw.st_customers set full_data = full_data || '{"name": "changed"}', name = 'changed'`)
				}
				return err
			}))
		},
		"the same build": func(b build, run ledger.Run) {
			b.storePage(run, b.customers, b.open(run, b.customers), page(at(2), "2", false, named(1, "changed")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBuild(t)
			run := b.beginFull("r", "customers")
			first := named(1, "first")
			if name == "a build without fingerprints" {
				first.ModifiedOn = at(0)
			}
			b.storePage(run, b.customers, b.open(run, b.customers), page(at(1), "1", false, first))
			require.EqualValues(t, 1, b.fingerprinted())
			change(b, run)
			require.Equal(t, "changed", get[string](b.fixture, "select name from raw.st_customers"))
			b.storePage(run, b.customers, b.open(run, b.customers), page(at(3), "3", false, first))
			require.Equal(t, "first", get[string](b.fixture, "select name from raw.st_customers"))
			require.EqualValues(t, 1, b.fingerprinted())
		})
	}
}

// TestMissingFingerprints are those of rows from before a migration, or of another form of the same
// record: the rows count as unchanged, and get the fingerprint once.
func TestMissingFingerprints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	records := []entity.Record{customer(1, at(0), "one"), customer(2, at(0), "two"), customer(3, at(0), "three")}
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", false, records...))
	f.exec("update raw.st_customers set fingerprint = null where st_id = 1")
	records[1].Raw = []byte(fmt.Sprintf(" %s ", records[1].Raw))
	runs := get[string](f, "select string_agg(format('%s %s', run_number, fetched_at), ',' order by st_id) from raw.st_customers")

	next := f.storePage(run, c, p, page(at(1), "2", false, records...))
	require.Equal(t, events.Counts{Pages: 1, Fetched: 3, Unchanged: 3}, counts(p, next))
	require.EqualValues(t, 3, f.fingerprinted())
	require.Equal(t, runs, get[string](f, "select string_agg(format('%s %s', run_number, fetched_at), ',' order by st_id) from raw.st_customers"))

	before := f.footprint("customers")
	f.storePage(run, c, next, page(at(2), "3", false, records...))
	require.Equal(t, before, f.footprint("customers"))
}

// TestMissingFingerprintsBesideARejectedRecord has PostgreSQL refuse the new version of a row.
func TestMissingFingerprintsBesideARejectedRecord(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	records := []entity.Record{customer(1, at(0), "one"), customer(2, at(0), "two"), customer(3, at(0), "three")}
	run := f.beginFull("r", "customers")
	p := f.storePage(run, c, f.open(run, c), page(at(0), "1", false, records...))
	f.exec("update raw.st_customers set fingerprint = null")
	records[1].Raw = []byte(`{"id": 2, "name": "\u0000"}`)

	next := f.storePage(run, c, p, page(at(1), "2", false, records...))
	require.Equal(t, events.Counts{Pages: 1, Fetched: 3, Unchanged: 2, Rejected: 1}, counts(p, next))
	require.EqualValues(t, 2, f.fingerprinted())
}

// TestFingerprintsAfterAnOldBuildMigrated replaces the trigger as a build without fingerprints does
// when its columns differ. Nothing clears fingerprints then, so the next migration drops them all.
func TestFingerprintsAfterAnOldBuildMigrated(t *testing.T) {
	t.Parallel()
	b := newBuild(t)
	run := b.beginFull("r", "customers")
	p := b.storePage(run, b.customers, b.open(run, b.customers), page(at(1), "1", false, named(1, "first"), named(2, "other")))
	b.exec("create or replace function raw.st_customers_columns() returns trigger language plpgsql as 'begin return new; end'")
	b.exec(`update raw.st_customers set full_data = full_data || '{"name": "changed"}', name = 'changed' where st_id = 1`)
	require.EqualValues(t, 2, b.fingerprinted())

	require.Equal(t, []string{"column raw.st_customers.fingerprint"}, b.migrate())
	require.Zero(t, b.fingerprinted())
	next := b.storePage(run, b.customers, p, page(at(2), "2", false, named(1, "first"), named(2, "other")))
	require.Equal(t, events.Counts{Pages: 1, Fetched: 2, Updated: 1, Unchanged: 1}, counts(p, next))
	require.EqualValues(t, 2, b.fingerprinted())
	require.Empty(t, b.migrate())
}

// TestAColumnOfTheNameFingerprint keeps a column that somebody else has added.
func TestAColumnOfTheNameFingerprint(t *testing.T) {
	t.Parallel()
	b := newBuild(t)
	b.exec("alter table raw.st_customers drop column fingerprint, add column fingerprint text default 'mine'")
	b.exec("create or replace function raw.st_customers_columns() returns trigger language plpgsql as 'begin return new; end'")
	_, err := b.Migrate(t.Context())
	require.ErrorContains(t, err, "column raw.st_customers.fingerprint has type text, want uuid")
}

// TestRebuildRepairsFingerprints damages a fingerprint so that a page would skip a change.
func TestRebuildRepairsFingerprints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("seed", "customers")
	records := []entity.Record{customer(1, at(0), "one"), customer(2, at(0), "two"), customer(3, at(0), "three")}
	f.storePage(run, c, f.open(run, c), page(at(0), "1", true, records...))
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
	f.exec("update raw.st_customers set fingerprint = gen_random_uuid() where st_id = 1")
	f.exec("update raw.st_customers set fingerprint = null where st_id = 2")

	run = f.beginRebuild("rebuild", false)
	p := f.storePage(run, c, f.open(run, c), page(at(1), "1", true, records...))
	p = f.apply(c, f.check(c, p, -1))
	require.EqualValues(t, 1, p.Updated, "a row without a fingerprint is not damaged")
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
	require.EqualValues(t, 2, f.fingerprinted())
}

// TestLoadingARebuildChangesNoRow has a page repeat a record of an earlier page of the rebuild.
func TestLoadingARebuildChangesNoRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("seed", "customers")
	f.storePage(run, c, f.open(run, c), page(at(0), "1", true, customer(1, at(0), "one")))
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
	f.exec("update raw.st_customers set fingerprint = null")
	before := f.footprint("customers")

	run = f.beginRebuild("rebuild", false)
	p := f.storePage(run, c, f.open(run, c), page(at(1), "1", false, customer(1, at(0), "one")))
	f.storePage(run, c, p, page(at(2), "2", true, customer(1, at(0), "one"), customer(2, at(0), "two")))
	require.Equal(t, before, f.footprint("customers"))
}

// TestAStagingTableOfABuildWithoutFingerprints is loaded and applied by this build.
func TestAStagingTableOfABuildWithoutFingerprints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := find(t, "customers")
	for name, drop := range map[string][2]bool{"loaded": {true, false}, "applied": {false, true}} {
		run := f.beginRebuild(name, false)
		without := func(yes bool) {
			if yes {
				f.exec(fmt.Sprintf("alter table raw_rebuild.run_%d drop column fingerprint", run.Number))
			}
		}
		p := f.open(run, c)
		without(drop[0])
		p = f.storePage(run, c, p, page(at(1), "1", true, customer(1, at(0), name)))
		p = f.check(c, p, -1)
		without(drop[1])
		p = f.apply(c, p)
		require.Equal(t, events.StatusCompleted, p.Status, name)
		f.finalize(run, ledger.Finalization{State: ledger.Completed})
		require.Equal(t, name, get[string](f, "select name from raw.st_customers"))
	}
}
