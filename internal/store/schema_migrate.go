package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/legacy/adoption"
	"github.com/lazi/lazisync/internal/store/ddl"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	versionTable = ddl.Schema + ".schema_versions"

	// migrationLock is the key of the advisory lock of each step of a migration. Earlier
	// versions held it for their session.
	migrationLock = 4097083626

	// A step polls for the lock: a transaction that waits for a lock would hold a snapshot, for
	// which index builds wait.
	lockPoll    = 100 * time.Millisecond
	lockTimeout = 10 * time.Minute
)

// Migrate brings the schema up to date and returns what it did. It adopts tables of the legacy
// worker in place; otherwise it only adds. It may be repeated, and may run in several processes
// at the same time.
//
// Each step is a transaction that takes the migration lock and then checks what is left to do.
// So it works with one server connection and through a pooler in transaction mode, which loses
// session locks.
func (s *Store) Migrate(ctx context.Context) (applied []string, err error) {
	applied, err = s.migrate(ctx)
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", withMigrateFix(refusalOf(err)))
	}
	return applied, nil
}

// withMigrateFix replaces the fix of a missing privilege.
func withMigrateFix(err error) error {
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Code == "42501" {
		refusal.Fix = "run lazisync migrate as the role that owns the schemas and the tables, or grant it what docs/operations.md lists for migrate"
	}
	return err
}

func (s *Store) migrate(ctx context.Context) (applied []string, err error) {
	var legacy []*adoption.Table
	err = s.step(ctx, func(tx pgx.Tx) (err error) {
		legacy, err = adoption.Find(ctx, tx, s.entities, s.tenants)
		return err
	})
	if err != nil {
		return nil, err
	}
	var state, records []*adoption.Table
	for _, t := range legacy {
		if t.IsState() {
			state = append(state, t)
		} else {
			records = append(records, t)
		}
	}
	steps := []func() ([]string, error){
		func() ([]string, error) { return s.adopt(ctx, state) },
		func() ([]string, error) { return s.applyMigrations(ctx, embeddedMigrations()) },
		func() ([]string, error) { return s.adopt(ctx, records) },
	}
	for _, e := range s.entities {
		steps = append(steps, func() ([]string, error) {
			did, err := s.applyTable(ctx, e)
			if err != nil {
				err = fmt.Errorf("table %s: %w", tableName(e), err)
			}
			return did, err
		})
	}
	steps = append(steps, func() ([]string, error) { return s.applyChanges(ctx) })
	for _, step := range steps {
		did, err := step()
		applied = append(applied, did...)
		if err != nil {
			return applied, err
		}
	}
	return applied, s.eachUnfinished(ctx, func(tx pgx.Tx, t adoption.Unfinished) error { return t.CountRows(ctx, tx) })
}

// errMigrationLocked reports that another process holds the migration lock.
var errMigrationLocked = errors.New("another migration holds the lock")

// step runs f in a transaction under the migration lock, without statement_timeout. Another process
// may migrate between two steps.
func (s *Store) step(ctx context.Context, f func(tx pgx.Tx) error) error {
	return s.stepWith(ctx, nil, f)
}

func (s *Store) stepWith(ctx context.Context, others settings, f func(tx pgx.Tx) error) error {
	begin := s.settings.merge(settings{"statement_timeout": "0"}).merge(others).txOptions()
	for deadline := time.Now().Add(lockTimeout); ; {
		err := s.once(ctx, begin, func(tx pgx.Tx) error {
			var locked bool
			if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(migrationLock)).Scan(&locked); err != nil {
				return err
			}
			if !locked {
				return errMigrationLocked
			}
			return f(tx)
		})
		if !errors.Is(err, errMigrationLocked) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s: %w", lockTimeout, errMigrationLocked)
		}
		if !backoff.Sleep(ctx, lockPoll) {
			return fmt.Errorf("wait for another migration: %w", ctx.Err())
		}
	}
}

// migrationFile is a numbered migration.
type migrationFile struct {
	version int64
	name    string // 0001_ledger
	sql     string
}

// embeddedMigrations returns the migrations of this version.
func embeddedMigrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // only for an invalid name
	}
	return files
}

// readMigrations returns the migrations of a folder in order.
func readMigrations(folder fs.FS) ([]migrationFile, error) {
	files, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	all := make([]migrationFile, len(files))
	for i, f := range files { // sorted by name
		name := strings.TrimSuffix(f.Name(), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: want a name that begins with a number and _", f.Name())
		}
		text, err := fs.ReadFile(folder, f.Name())
		if err != nil {
			return nil, err
		}
		all[i] = migrationFile{version, name, string(text)}
	}
	return all, nil
}

// createVersions creates the schema and the table of applied migrations if they do not exist. It
// needs no privilege to create what exists already.
func createVersions(ctx context.Context, tx pgx.Tx) error {
	if err := createSchema(ctx, tx, ddl.Schema); err != nil {
		return err
	}
	var present bool
	if err := tx.QueryRow(ctx, "select to_regclass($1) is not null", versionTable).Scan(&present); err != nil || present {
		return err
	}
	_, err := tx.Exec(ctx, "create table "+versionTable+` (
		id integer primary key generated by default as identity,
		version_id bigint not null,
		is_applied boolean not null,
		tstamp timestamp not null default now())`)
	return err
}

// createSchema creates a schema if it does not exist. "create schema if not exists" would need the
// privilege to create schemas even if the schema exists.
func createSchema(ctx context.Context, tx pgx.Tx, name string) error {
	var present bool
	if err := tx.QueryRow(ctx, "select to_regnamespace($1) is not null", name).Scan(&present); err != nil || present {
		return err
	}
	if _, err := tx.Exec(ctx, "create schema "+name); err != nil {
		return fmt.Errorf("create schema %s: %w", name, err)
	}
	return nil
}

// appliedVersions returns the versions of the applied migrations.
func appliedVersions(ctx context.Context, q ddl.Querier) ([]int64, error) {
	return pgx.CollectRows(query(ctx, q, "select version_id from "+versionTable+" where is_applied"), pgx.RowTo[int64])
}

// applyMigrations applies the missing migrations, each in a transaction of its own. A migration waits
// for a lock only briefly, because other sessions wait behind it.
func (s *Store) applyMigrations(ctx context.Context, folder fs.FS) (applied []string, err error) {
	all, err := readMigrations(folder)
	if err != nil {
		return nil, err
	}
	err = s.step(ctx, func(tx pgx.Tx) error {
		if err := createVersions(ctx, tx); err != nil {
			return err
		}
		return createSchema(ctx, tx, stagingSchema)
	})
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		isApplied := false
		err := s.retryLocked(ctx, ddl.Schema, func() error {
			return s.stepWith(ctx, settings{"lock_timeout": lockWait}, func(tx pgx.Tx) (err error) {
				isApplied, err = f.apply(ctx, tx)
				return err
			})
		})
		if err != nil {
			return applied, fmt.Errorf("migration %s: %w", f.name, err)
		}
		if isApplied {
			applied = append(applied, f.name)
		}
	}
	return applied, nil
}

// apply applies the migration unless the database has it.
func (m migrationFile) apply(ctx context.Context, tx pgx.Tx) (applied bool, err error) {
	versions, err := appliedVersions(ctx, tx)
	if err != nil || slices.Contains(versions, m.version) {
		return false, err
	}
	if _, err := tx.Exec(ctx, m.sql); err != nil { // without parameters one Exec runs several statements
		return false, err
	}
	_, err = tx.Exec(ctx, "insert into "+versionTable+" (version_id, is_applied) values ($1, true)", m.version)
	return true, err
}
