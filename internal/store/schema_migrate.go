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

	"github.com/lazi/lazisync/internal/legacy/adoption"
	"github.com/lazi/lazisync/internal/store/ddl"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	versionTable = ddl.Schema + ".schema_versions"

	// migrationLock is the key of the advisory lock under which steps of a migration run,
	// one at a time. Earlier versions held it for their session.
	migrationLock = 4097083626

	// A step that does not get the lock asks again: a transaction that blocks on a lock
	// would hold a snapshot, and index builds wait for snapshots.
	lockPoll     = 100 * time.Millisecond
	lockPatience = 10 * time.Minute
)

// Migrate brings the schema to what this program needs and says what it did. Tables of
// the legacy worker are adopted in place; everything else it only adds. It may be
// repeated, and may run in several processes at once.
//
// It is a sequence of steps, each a transaction that takes the migration lock first and
// then looks what is left to do. So it works through a pooler in transaction mode, where
// no lock of a session holds, and with one connection to the server.
func (s *Store) Migrate(ctx context.Context) (applied []string, err error) {
	applied, err = s.migrate(ctx)
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", explain(refusalOf(err)))
	}
	return applied, nil
}

// explain names the fix where the user may not migrate.
func explain(err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Code == "42501" {
		refusal.Fix = "migrate as the role that owns the schemas and the tables, or grant it what docs/operations.md lists for migrate"
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
	m := migration{s}
	steps := []func() ([]string, error){
		func() ([]string, error) { return s.adopt(ctx, state) },
		func() ([]string, error) { return s.applyMigrations(ctx, m, ours()) },
		func() ([]string, error) { return s.adopt(ctx, records) },
	}
	for _, e := range s.entities {
		steps = append(steps, func() ([]string, error) {
			did, err := m.applyTable(ctx, e)
			if err != nil {
				err = fmt.Errorf("table %s: %w", tableName(e), err)
			}
			return did, err
		})
	}
	for _, step := range steps {
		did, err := step()
		applied = append(applied, did...)
		if err != nil {
			return applied, err
		}
	}
	return applied, s.eachUnfinished(ctx, func(tx pgx.Tx, t adoption.Unfinished) error { return t.CountRows(ctx, tx) })
}

// errLocked says that another process holds the migration lock.
var errLocked = errors.New("another migration holds the lock")

// step runs f in a transaction under the migration lock. It may take its time, but waits
// for no lock on a table for long.
func (s *Store) step(ctx context.Context, f func(tx pgx.Tx) error) error {
	return s.stepWith(ctx, nil, f)
}

func (s *Store) stepWith(ctx context.Context, others settings, f func(tx pgx.Tx) error) error {
	begin := s.settings.with(settings{"statement_timeout": "0"}).with(others).begin()
	for until := time.Now().Add(lockPatience); ; {
		err := s.once(ctx, begin, func(tx pgx.Tx) error {
			var locked bool
			if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(migrationLock)).Scan(&locked); err != nil {
				return err
			}
			if !locked {
				return errLocked
			}
			return f(tx)
		})
		if !errors.Is(err, errLocked) {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("waited %s: %w", lockPatience, errLocked)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for another migration to end: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// migrationFile is a file of migrations.
type migrationFile struct {
	version int64
	name    string // 0001_ledger
	sql     string
}

// ours are the migrations of this version.
func ours() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // only of an invalid name
	}
	return files
}

// readMigrations lists the migrations of a folder in order.
func readMigrations(folder fs.FS) ([]migrationFile, error) {
	files, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	all := make([]migrationFile, len(files))
	for i, f := range files { // in the order of their names
		name := strings.TrimSuffix(f.Name(), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: want a number before _", f.Name())
		}
		text, err := fs.ReadFile(folder, f.Name())
		if err != nil {
			return nil, err
		}
		all[i] = migrationFile{version, name, string(text)}
	}
	return all, nil
}

// createVersions makes the schema and the table of applied migrations where they are
// missing. Neither needs a privilege that the user lacks where somebody else made them.
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

// createSchema makes a schema where it is missing: "create schema if not exists" asks for
// the privilege to create on the database even where the schema exists.
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

// appliedVersions are the migrations that a database has.
func appliedVersions(ctx context.Context, q ddl.Querier) ([]int64, error) {
	rows, err := q.Query(ctx, "select version_id from "+versionTable+" where is_applied")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// applyMigrations applies what is missing, each migration in a transaction of its own.
// Each waits for its locks for a moment at a time, since others wait behind it.
func (s *Store) applyMigrations(ctx context.Context, m migration, folder fs.FS) (applied []string, err error) {
	all, err := readMigrations(folder)
	if err != nil {
		return nil, err
	}
	err = m.within(ctx, func(tx pgx.Tx) error {
		if err := createVersions(ctx, tx); err != nil {
			return err
		}
		return createSchema(ctx, tx, sideSchema)
	})
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		did := false
		err := m.retried(ctx, ddl.Schema, func() error {
			return s.stepWith(ctx, settings{"lock_timeout": lockWait}, func(tx pgx.Tx) (err error) {
				did, err = f.apply(ctx, tx)
				return err
			})
		})
		if err != nil {
			return applied, fmt.Errorf("migration %s: %w", f.name, err)
		}
		if did {
			applied = append(applied, f.name)
		}
	}
	return applied, nil
}

// apply applies the migration and says so, unless the database has it.
func (m migrationFile) apply(ctx context.Context, tx pgx.Tx) (did bool, err error) {
	versions, err := appliedVersions(ctx, tx)
	if err != nil || slices.Contains(versions, m.version) {
		return false, err
	}
	if _, err := tx.Exec(ctx, m.sql); err != nil { // without parameters, several statements in one message
		return false, err
	}
	_, err = tx.Exec(ctx, "insert into "+versionTable+" (version_id, is_applied) values ($1, true)", m.version)
	return true, err
}
