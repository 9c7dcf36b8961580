package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/entity"
)

// DefaultOverlap is how far before its watermark an incremental reads again:
// longer than any transaction of ServiceTitan should take to become visible.
const DefaultOverlap = 15 * time.Minute

// Options of a Store. The zero value is fine.
type Options struct {
	MaxConns    int32         // connections at most; 0 leaves it to the URL's pool_max_conns or pgx
	Application string        // shown in pg_stat_activity; default "lazisync"
	AcquireWait time.Duration // for a free connection, default 35 s
	Overlap     time.Duration
	DeleteGuard float64         // share of a table's live rows that a sweep may mark deleted; default DefaultDeleteGuard
	Logger      zerolog.Logger  // hears of transactions that are tried again
	Tracer      pgx.QueryTracer // sees every statement; nil for none

	// Tenants are the tenants that the process syncs. Migrate adopts the rows of legacy
	// tables for the only one.
	Tenants []string

	// Entities are those whose tables Migrate makes; default entity.Catalogue.
	Entities []entity.Entity
}

// Store is PostgreSQL as the rest of lazisync knows it. Its methods may be called
// at the same time from anywhere.
type Store struct {
	pool        *pgxpool.Pool
	acquireWait time.Duration
	overlap     time.Duration
	log         zerolog.Logger

	deleteGuard float64
	tenants     []string
	entities    []entity.Entity
	holder      string // of calls in hand: this store among all that use the database

	settings  settings      // of each transaction
	txOptions pgx.TxOptions // begins a transaction with them
}

// Open makes a Store for the database at a URL. It connects on first use, so it
// fails only for a URL that cannot be read; Ping tells whether the database answers.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, urlError(databaseURL, err)
	}
	settings, err := configure(cfg.ConnConfig, databaseURL, o.Application)
	if err != nil {
		return nil, urlError(databaseURL, err)
	}
	cfg.ConnConfig.Tracer = o.Tracer
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return checkServer(conn.PgConn())
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, urlError(databaseURL, err)
	}
	if o.AcquireWait == 0 {
		o.AcquireWait = defaultAcquireWait
	}
	if o.Overlap == 0 {
		o.Overlap = DefaultOverlap
	}
	if o.DeleteGuard == 0 {
		o.DeleteGuard = DefaultDeleteGuard
	}
	if o.Entities == nil {
		o.Entities = entity.Catalogue
	}
	return &Store{
		pool: pool, acquireWait: o.AcquireWait, overlap: o.Overlap, log: o.Logger, deleteGuard: o.DeleteGuard, tenants: o.Tenants, entities: o.Entities,
		holder: rand.Text(), settings: settings, txOptions: settings.begin(),
	}, nil
}

// Ping says whether the database answers. It asks once: who asks goes on asking.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.acquired(ctx, func(conn *pgxpool.Conn) error { return conn.Ping(ctx) }); err != nil {
		return fmt.Errorf("ping PostgreSQL: %w", err)
	}
	return nil
}

// Close waits for the connections in use and closes them all.
func (s *Store) Close() { s.pool.Close() }

// urlError says what is wrong with a database URL without quoting its password.
func urlError(databaseURL string, err error) error {
	const want = "want postgres://user:password@host:port/database"
	u, parseErr := url.Parse(databaseURL)
	if parseErr != nil || u.User == nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return fmt.Errorf("the database URL cannot be read: %s", want)
	}
	reason := err.Error()
	if password, _ := u.User.Password(); password != "" {
		reason = strings.ReplaceAll(reason, password, "***")
		reason = strings.ReplaceAll(reason, url.QueryEscape(password), "***")
		reason = strings.ReplaceAll(reason, url.PathEscape(password), "***")
	}
	return fmt.Errorf("the database URL cannot be read: %s; %s", reason, want)
}
