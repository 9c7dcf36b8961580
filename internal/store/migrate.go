package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	versionTable = schemaName + ".schema_versions"

	// One process migrates at a time; the others poll the lock for ten minutes.
	// Polling matters: a session that blocks on the lock would hold a snapshot, and
	// index builds wait for snapshots.
	lockPollSeconds, lockPolls = 1, 600
)

// Migrate brings the schema to what this program needs and says what it did. Tables of
// an earlier sync program are adopted in place; everything else it only adds. It may be
// repeated, and may run in several processes at once.
func (s *Store) Migrate(ctx context.Context) (applied []string, err error) {
	err = s.migrating(ctx, func(conn *sql.Conn) error {
		applied, err = s.migrate(ctx, conn)
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// migrating runs f on a connection that holds the migration lock.
func (s *Store) migrating(ctx context.Context, f func(conn *sql.Conn) error) (err error) {
	db := stdlib.OpenDB(*s.migrationConfig())
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPollSeconds, lockPolls))
	if err != nil {
		return err
	}
	if err := locker.SessionLock(ctx, conn); err != nil {
		return fmt.Errorf("wait for another migration to end: %w", err)
	}
	defer func() {
		if e := locker.SessionUnlock(context.WithoutCancel(ctx), conn); e != nil && err == nil {
			err = fmt.Errorf("release the lock: %w", e)
		}
	}()
	return f(conn)
}

func (s *Store) migrate(ctx context.Context, conn *sql.Conn) (applied []string, err error) {
	state, records, err := s.findEarlier(ctx, conn)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	m := migration{conn, s.log}
	steps := []func() ([]string, error){
		func() ([]string, error) { return s.adopt(ctx, conn, state, (*earlierTable).adoptState) },
		func() ([]string, error) { return s.applyMigrations(ctx, m, files) },
		func() ([]string, error) { return s.adopt(ctx, conn, records, (*earlierTable).adoptRecords) },
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
	return applied, countAdopted(ctx, conn)
}

// migrationConfig is for a connection that may take its time, but waits for nobody's lock for long.
func (s *Store) migrationConfig() *pgx.ConnConfig {
	cfg := s.pool.Config().ConnConfig
	cfg.RuntimeParams["statement_timeout"] = "0"
	cfg.RuntimeParams[writerSetting] = "on"
	return cfg
}

// applyMigrations applies the numbered migrations. Each waits for its locks for a moment
// at a time, since others wait behind it.
func (s *Store) applyMigrations(ctx context.Context, m migration, files fs.FS) (applied []string, err error) {
	cfg := s.migrationConfig()
	cfg.RuntimeParams["lock_timeout"] = lockWait
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	err = m.retried(ctx, schemaName, func() error {
		did, err := applyFiles(ctx, db, files)
		applied = append(applied, did...)
		return err
	})
	return applied, err
}

func applyFiles(ctx context.Context, db *sql.DB, files fs.FS) ([]string, error) {
	if _, err := db.ExecContext(ctx, "create schema if not exists "+schemaName); err != nil {
		return nil, fmt.Errorf("create schema %s: %w", schemaName, err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versionTable), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		results = partial.Applied
	}
	var applied []string
	for _, r := range results {
		applied = append(applied, strings.TrimSuffix(path.Base(r.Source.Path), ".sql"))
	}
	return applied, err
}

// tableColumnsSQL lists the columns of a table, none when there is no such table.
const tableColumnsSQL = `select attname::text from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`
