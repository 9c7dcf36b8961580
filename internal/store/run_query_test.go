package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// counter counts what a store asks PostgreSQL for.
type counter struct{ queries, rows atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.queries.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	c.rows.Add(data.CommandTag.RowsAffected())
}

// TestListsReadNoRequestsOfARun counts rows and statements for a run of 10,000
// requests.
func TestListsReadNoRequestsOfARun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var c counter
	s, err := store.Open(t.Context(), f.url, store.Options{Entities: few, Tracer: &c})
	require.NoError(t, err)
	t.Cleanup(s.Close)

	const many = 10_000
	requests := make([]ledger.Request, many)
	for i := range requests {
		requests[i] = request(events.Incremental, fmt.Sprint("scheduled ", i), "customers")
		requests[i].Source = "/lazisync/schedules"
	}
	requests[many-1].Source, requests[many-1].Traceparent = "/a/person", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f.receive(requests[:many/2]...)
	f.receive(requests[many/2:]...)
	run, _, err := f.BeginRun(t.Context(), incremental("exec", 1))
	require.NoError(t, err)
	require.Len(t, run.Requests, many)
	require.Equal(t, many, run.RequestCount)

	measured := func(what string, most int64, list func() ([]ledger.Run, error)) ledger.Run {
		t.Helper()
		c.queries.Store(0)
		c.rows.Store(0)
		runs, err := list()
		require.NoError(t, err, what)
		require.Len(t, runs, 1, what)
		require.LessOrEqual(t, c.rows.Load(), most, what)
		require.LessOrEqual(t, c.queries.Load(), int64(6), what)
		require.Equal(t, many, runs[0].RequestCount, what)
		return runs[0]
	}
	header := measured("header", events.MaxPartRequests+10, func() ([]ledger.Run, error) {
		r, err := s.RunHeader(t.Context(), run.Number)
		return []ledger.Run{r}, err
	})
	require.Equal(t, run.Traceparent(), header.Traceparent())
	require.Equal(t, events.SplitRequests(run.CommonData().Requests)[0], events.SplitRequests(header.CommonData().Requests)[0])
	require.Equal(t, "/a/person", header.Requests[len(header.Requests)-1].Source)
	require.Equal(t, run.Results, header.Results)
	measured("list", 10, func() ([]ledger.Run, error) { return s.Runs(t.Context(), 50) })
	measured("list of a tenant", 10, func() ([]ledger.Run, error) { return s.TenantRuns(t.Context(), tenant, 50) })
	measured("undecided", 10, func() ([]ledger.Run, error) { return s.Unfinalized(t.Context()) })
	f.finalize(run, ledger.Finalization{State: ledger.Completed})
	measured("unpublished", 10, func() ([]ledger.Run, error) { return s.Unpublished(t.Context()) })

	_, err = s.RunHeader(t.Context(), 999)
	require.ErrorIs(t, err, ledger.ErrUnknown)
}

// withoutRequests is a run as lists have it.
func withoutRequests(run ledger.Run) ledger.Run {
	run.Requests = nil
	return run
}
