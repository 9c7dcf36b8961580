package store

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

// These tests stop one transaction in its middle and look at what another one does
// meanwhile: races that chance would hardly ever show.

// raceStore is a migrated store with two full requests and an incremental one.
func raceStore(t *testing.T) *Store {
	t.Helper()
	s := storeAt(t, pgtest.Prepared(t, "migrated", func(ctx context.Context, url string) error {
		s, err := Open(ctx, url, Options{Entities: entity.Catalogue[:4]})
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Migrate(ctx)
		return err
	}), Options{})
	_, err := s.Receive(t.Context(), []ledger.Request{
		{ID: "full", TenantID: "1", Mode: events.Full, Entities: []string{"customers"}, WorkflowID: "full"},
		{ID: "other", TenantID: "1", Mode: events.Full, Entities: []string{"customers"}, WorkflowID: "other"},
		{ID: "inc", TenantID: "1", Mode: events.Incremental, Entities: []string{"customers"}, WorkflowID: "inc"},
	})
	require.NoError(t, err)
	return s
}

func (s *Store) mustBegin(t *testing.T, mode events.Mode, id string) ledger.Run {
	t.Helper()
	run, found, err := s.BeginRun(t.Context(), ledger.BeginInput{TenantID: "1", Mode: mode, WorkflowID: id, FirstRunID: "f", Pass: 1, RequestID: id})
	require.NoError(t, err)
	require.True(t, found)
	return run
}

// midway begins a transaction, runs the first statements of an operation in it and returns
// how to commit it.
func (s *Store) midway(t *testing.T, first func(tx pgx.Tx) error) (commit func()) {
	t.Helper()
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	require.NoError(t, first(tx))
	return func() {
		t.Helper()
		require.NoError(t, tx.Commit(t.Context()))
	}
}

// waitForWaiting returns when n connections wait for a lock.
func (s *Store) waitForWaiting(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting int
		err := s.pool.QueryRow(t.Context(),
			"select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting)
		return err == nil && waiting == n
	}, time.Minute, 5*time.Millisecond)
}

func TestPagesDoNotOvertakeFinalize(t *testing.T) {
	t.Parallel()
	s := raceStore(t)
	e, _ := entity.Find("customers")
	run := s.mustBegin(t, events.Full, "full")

	storing := s.midway(t, func(tx pgx.Tx) error { return requireRunning(t.Context(), tx, run.Ref()) })
	finalized, opened := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Finalize(t.Context(), run.Ref(), ledger.Finalization{State: ledger.Cancelled})
		finalized <- err
	}()
	s.waitForWaiting(t, 1)
	go func() {
		_, err := s.Open(t.Context(), run.Target(e))
		opened <- err
	}()
	s.waitForWaiting(t, 2)
	storing()
	require.NoError(t, <-finalized)
	require.ErrorIs(t, <-opened, ledger.ErrFinalized)
}

func TestAPassDoesNotClaimARequestBeingWithdrawn(t *testing.T) {
	t.Parallel()
	s := raceStore(t)
	withdrawing := s.midway(t, func(tx pgx.Tx) error {
		_, _, err := withdraw(t.Context(), tx, "inc", "", &observed{})
		return err
	})
	begun := make(chan bool, 1)
	go func() {
		_, found, err := s.BeginRun(t.Context(), ledger.BeginInput{TenantID: "1", Mode: events.Incremental, WorkflowID: "inc", FirstRunID: "f", Pass: 1})
		begun <- found || err != nil
	}()
	s.waitForWaiting(t, 1)
	withdrawing()
	require.False(t, <-begun)
}

func TestSecondFullWaitsForTheFirstToOpen(t *testing.T) {
	t.Parallel()
	s := raceStore(t)
	e, _ := entity.Find("customers")
	first, second := s.mustBegin(t, events.Full, "full"), s.mustBegin(t, events.Full, "other")
	opening := s.midway(t, func(tx pgx.Tx) error {
		_, _, err := s.open(t.Context(), tx, first.Target(e))
		return err
	})
	opened := make(chan error, 1)
	go func() {
		_, err := s.Open(t.Context(), second.Target(e))
		opened <- err
	}()
	s.waitForWaiting(t, 1)
	opening()
	require.ErrorIs(t, <-opened, ledger.ErrBusy)
}

func TestALateBeginReturnsTheFinalizedRun(t *testing.T) {
	t.Parallel()
	s := raceStore(t)
	deciding := s.midway(t, func(tx pgx.Tx) error {
		request, err := lockRequest(t.Context(), tx, "full")
		if err != nil {
			return err
		}
		_, err = insertFinalized(t.Context(), tx, request, "f", 1, ledger.Finalization{State: ledger.Failed}, &observed{})
		return err
	})
	begun := make(chan ledger.Run, 1)
	go func() {
		run, _, _ := s.BeginRun(t.Context(), ledger.BeginInput{TenantID: "1", Mode: events.Full, WorkflowID: "full", FirstRunID: "f", Pass: 1, RequestID: "full"})
		begun <- run
	}()
	s.waitForWaiting(t, 1)
	deciding()
	require.Equal(t, ledger.Failed, (<-begun).State)
}
