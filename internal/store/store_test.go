package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

const tenant events.TenantID = "42"

// few are the entities for which most tests create tables: copying a database takes
// ten times as long with all of them.
var few = entity.Catalogue[:4]

// fixture is a migrated database of a test's own, with the store and another connection.
type fixture struct {
	testing.TB
	*store.Store
	url string
	db  *pgxpool.Pool
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return migratedFixture(t, "migrated", few)
}

// migratedFixture returns a database with the tables of entities. Databases with a name are equal at first.
func migratedFixture(t testing.TB, name string, entities []entity.Entity) *fixture {
	t.Helper()
	url := pgtest.Prepared(t, name, func(ctx context.Context, url string) error {
		s, err := store.Open(ctx, url, store.Options{Entities: entities})
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Migrate(ctx)
		return err
	})
	return &fixture{TB: t, Store: openStore(t, url), url: url, db: openPool(t, url)}
}

func openStore(t testing.TB, url string) *store.Store {
	t.Helper()
	return openStoreWith(t, url, nil)
}

func openStoreWith(t testing.TB, url string, r store.Recorder) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{MaxConns: 12, Entities: few, Recorder: r, Logger: zerolog.New(zerolog.NewTestWriter(t))})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func openPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// get reads one value past the store.
func get[T any](f *fixture, sql string, args ...any) (value T) {
	f.Helper()
	require.NoError(f, f.db.QueryRow(f.Context(), sql, args...).Scan(&value))
	return value
}

// exec changes something behind the store's back.
func (f *fixture) exec(sql string, args ...any) {
	f.Helper()
	_, err := f.db.Exec(f.Context(), sql, args...)
	require.NoError(f, err)
}

func find(t testing.TB, name string) entity.Entity {
	t.Helper()
	e, ok := entity.Find(name)
	require.True(t, ok, name)
	return e
}

// request is a request as the bridge would hand it over.
func request(mode events.Mode, eventID string, entities ...string) ledger.Request {
	id := events.RequestID("/test", eventID)
	workflow := "incremental-sync-" + string(tenant)
	if mode != events.Incremental {
		workflow = fmt.Sprintf("%s-sync-%s", mode, id)
	}
	return ledger.Request{
		ID: id, Source: "/test", EventID: eventID, Digest: "digest of " + eventID, TenantID: tenant, Mode: mode,
		Entities: entities, Channel: "#sync", WorkflowID: workflow,
	}
}

// receive records requests and returns them.
func (f *fixture) receive(requests ...ledger.Request) []ledger.Receipt {
	f.Helper()
	receipts, err := f.Receive(f.Context(), requests)
	require.NoError(f, err)
	require.Len(f, receipts, len(requests))
	return receipts
}

// beginFull begins the run of a new full request.
func (f *fixture) beginFull(eventID string, entities ...string) ledger.Run {
	f.Helper()
	q := request(events.Full, eventID, entities...)
	f.receive(q)
	run, found, err := f.BeginRun(f.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Full, WorkflowID: q.WorkflowID, FirstRunID: "exec-" + eventID, Pass: 1, RequestID: q.ID,
	})
	require.NoError(f, err)
	require.True(f, found)
	return run
}

// incremental asks for a pass of the tenant's IncrementalSync.
func incremental(firstRunID string, pass int) ledger.BeginInput {
	return ledger.BeginInput{
		TenantID: tenant, Mode: events.Incremental, WorkflowID: "incremental-sync-" + string(tenant), FirstRunID: firstRunID, Pass: pass,
	}
}

// beginIncremental begins a pass for a new incremental request.
func (f *fixture) beginIncremental(eventID string, pass int, entities ...string) ledger.Run {
	f.Helper()
	f.receive(request(events.Incremental, eventID, entities...))
	run, found, err := f.BeginRun(f.Context(), incremental("exec", pass))
	require.NoError(f, err)
	require.True(f, found)
	return run
}

func (f *fixture) open(run ledger.Run, e entity.Entity) ledger.Position {
	f.Helper()
	p, err := f.Open(f.Context(), run.Target(e))
	require.NoError(f, err)
	return p
}

func (f *fixture) storePage(run ledger.Run, e entity.Entity, at ledger.Position, p entity.Page) ledger.Position {
	f.Helper()
	next, err := f.StorePage(f.Context(), run.Target(e), at, p)
	require.NoError(f, err)
	return next
}

func (f *fixture) finalize(run ledger.Run, d ledger.Finalization) ledger.Run {
	f.Helper()
	finalized, err := f.Finalize(f.Context(), run.Ref(), d)
	require.NoError(f, err)
	return finalized
}

func (f *fixture) state(e entity.Entity) ledger.EntityState {
	f.Helper()
	states, err := f.States(f.Context(), tenant)
	require.NoError(f, err)
	for _, s := range states {
		if s.Entity == e.Name {
			return s
		}
	}
	return ledger.EntityState{}
}

// at is a moment of ServiceTitan's clock.
func at(minute int) time.Time {
	return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC)
}

// customer is a record of customers.
func customer(id int, modified time.Time, name string) entity.Record {
	raw := fmt.Sprintf(`{"id": %d, "name": %q, "active": true, "balance": 12.50}`, id, name)
	return entity.Record{ID: fmt.Sprint(id), ModifiedOn: modified, Raw: []byte(raw)}
}

// page is a page of an export feed that was read at a moment.
func page(read time.Time, token string, last bool, records ...entity.Record) entity.Page {
	return entity.Page{
		Records: records, Next: entity.Cursor{Feed: entity.Export, Token: token}, Last: last, Total: -1, Date: read,
	}
}
