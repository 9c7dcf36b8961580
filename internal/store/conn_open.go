package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/outage"
)

// DefaultOverlap is the time before its watermark that an incremental reads again. It is longer
// than a transaction of ServiceTitan should need to become visible.
const DefaultOverlap = 15 * time.Minute

// Options configure a Store. The zero value has working defaults.
type Options struct {
	MaxConns    int32           // maximum number of connections; default pool_max_conns of the URL, else that of pgx
	Application string          // shown in pg_stat_activity; default "lazisync"
	AcquireWait time.Duration   // maximum wait for a free connection; default 35 s
	Overlap     time.Duration   // default DefaultOverlap
	Changes     bool            // whether Migrate has the changes of rows recorded in raw.changes
	DeleteGuard float64         // share of the live rows of a table that a sweep may mark deleted; default DefaultDeleteGuard
	Logger      zerolog.Logger  // runs, entities, outages, cast failures and new fields
	Tracer      pgx.QueryTracer // nil for none
	Recorder    Recorder        // nil for none

	// Traces creates the spans of transactions and, without a Tracer, of statements; nil for none.
	Traces trace.TracerProvider

	// FieldPolicy is the policy that is applied to records; default: none.
	FieldPolicy FieldPolicy

	// Tenants are the tenants that the process syncs. Migrate adopts the rows of legacy
	// tables for the only one.
	Tenants []events.TenantID

	// Entities are the entities whose tables Migrate creates; default entity.Catalogue.
	Entities []entity.Entity
}

// Store reads and writes the database. It is safe for concurrent use.
type Store struct {
	pool        *pgxpool.Pool
	acquireWait time.Duration
	overlap     time.Duration
	log         zerolog.Logger
	outage      outage.Detector
	recorder    Recorder
	fields      fieldCache
	unpublished atomic.Int64 // number of the last run that Unpublished returned, 0 to begin with the oldest
	fieldPolicy FieldPolicy

	deleteGuard float64
	changes     bool
	tenants     []events.TenantID
	entities    []entity.Entity
	holder      string // identifies this Store in raw.call_leases

	settings    settings      // of each transaction
	txOptions   pgx.TxOptions // begins a transaction with them
	readOptions pgx.TxOptions // begins one that only reads

	mayPrepare     bool          // the URL has no execution mode of its own
	pooled         atomic.Bool   // behind a pooler nothing is prepared
	connectTimeout time.Duration // of the URL
}

// Open returns a Store for the database at a URL. It connects on first use and fails only for
// an invalid URL. Close releases its connections.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, urlError(databaseURL, err)
	}
	settings, err := configure(cfg.ConnConfig, databaseURL, o.Application)
	if err != nil {
		return nil, urlError(databaseURL, err)
	}
	if cfg.ConnConfig.Tracer = o.Tracer; o.Tracer == nil && o.Traces != nil {
		cfg.ConnConfig.Tracer = newStatementTracer(o.Traces)
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	if o.Recorder == nil {
		o.Recorder = nopRecorder{}
	}
	if o.Entities == nil {
		o.Entities = entity.Catalogue
	}
	if o.FieldPolicy == nil {
		o.FieldPolicy = keepAll{}
	}
	s := &Store{
		fieldPolicy: o.FieldPolicy,
		acquireWait: cmp.Or(o.AcquireWait, defaultAcquireWait), overlap: cmp.Or(o.Overlap, DefaultOverlap),
		log: o.Logger, recorder: o.Recorder, deleteGuard: cmp.Or(o.DeleteGuard, DefaultDeleteGuard), changes: o.Changes, tenants: o.Tenants, entities: o.Entities,
		holder: rand.Text(), settings: settings, txOptions: settings.txOptions(),
		readOptions:    settings.merge(map[string]string{"plan_cache_mode": "force_custom_plan"}).txOptions(),
		mayPrepare:     cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && !choosesMode(databaseURL),
		connectTimeout: cfg.ConnConfig.ConnectTimeout,
	}
	cfg.BeforeConnect, cfg.AfterConnect = s.beforeConnect, s.afterConnect
	if s.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, urlError(databaseURL, err)
	}
	return s, nil
}

// afterConnect prepares a new connection, or returns why it cannot be used.
func (s *Store) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	registerDocuments(conn.TypeMap())
	if err := checkServer(conn.PgConn()); err != nil {
		return err
	}
	return s.checkDirect(ctx, conn)
}

// Ping returns an error if the database does not answer. It does not retry.
func (s *Store) Ping(ctx context.Context) error {
	err := s.withConn(ctx, func(conn *pgxpool.Conn) error { return conn.Ping(ctx) })
	s.logOutage(ctx, "ping", err)
	if err != nil {
		return fmt.Errorf("ping PostgreSQL: %w", err)
	}
	return nil
}

// Close waits until no connection is in use and closes all of them.
func (s *Store) Close() { s.pool.Close() }

// urlError describes what is wrong with a database URL. It never contains the password.
func urlError(databaseURL string, err error) error {
	const want = "want postgres://user:password@host:port/database"
	u, parseErr := url.Parse(databaseURL)
	if parseErr != nil || u.User == nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return fmt.Errorf("invalid database URL: %s", want)
	}
	reason := err.Error()
	if password, _ := u.User.Password(); password != "" {
		reason = strings.ReplaceAll(reason, password, "***")
		reason = strings.ReplaceAll(reason, url.QueryEscape(password), "***")
		reason = strings.ReplaceAll(reason, url.PathEscape(password), "***")
	}
	return fmt.Errorf("invalid database URL: %s; %s", reason, want)
}
