package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

// lockedBuffer is a buffer for concurrent use.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// events lists the lines of runs and entities, each as "message run entity".
func (b *lockedBuffer) events(t *testing.T) (list []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		var fields struct {
			Message, Entity, Error, Reason string
			Run                            int64
		}
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %d %s %s%s", fields.Message, fields.Run, fields.Entity, fields.Error, fields.Reason)))
	}
	return list
}

func loggedFixture(t *testing.T) (*fixture, *lockedBuffer) {
	t.Helper()
	f := newFixture(t)
	log := &lockedBuffer{}
	s, err := store.Open(t.Context(), f.url, store.Options{MaxConns: 12, Entities: few, Logger: zerolog.New(log)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	f.Store = s
	return f, log
}

func TestRunsAndEntitiesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	f, log := loggedFixture(t)
	run := f.beginFull("f1", "customers", "jobs", "invoices")
	again, found, err := f.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: tenant, Mode: events.Full, WorkflowID: run.WorkflowID, FirstRunID: run.FirstRunID, Pass: 1, RequestID: run.Requests[0].ID,
	})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, run.Number, again.Number)
	customers, jobs := find(t, "customers"), find(t, "jobs")
	p := f.open(run, customers)
	f.open(run, customers)
	next := f.storePage(run, customers, p, page(at(1), "t", true, customer(1, at(0), "Ann")))
	require.True(t, next.Done())
	_, err = f.StorePage(t.Context(), run.Target(customers), p, page(at(1), "t", true, customer(1, at(0), "Ann")))
	require.ErrorIs(t, err, ledger.ErrFenced)
	forbidden, opened := events.RunError{Type: events.PermissionError, Message: "forbidden"}, f.open(run, jobs)
	require.NoError(t, f.FailEntity(t.Context(), run.Target(jobs), opened, forbidden))
	require.ErrorIs(t, f.FailEntity(t.Context(), run.Target(jobs), opened, forbidden), ledger.ErrFenced)
	f.open(run, find(t, "invoices"))
	for range 2 {
		f.finalize(run, ledger.Finalization{State: ledger.Cancelled, Reason: "enough"})
	}
	skipping := f.beginIncremental("i1", 1, "jobs")
	f.open(skipping, jobs)
	f.finalize(skipping, ledger.Finalization{State: ledger.Completed})

	n, m := run.Number, skipping.Number
	require.Equal(t, []string{
		fmt.Sprintf("run started %d", n),
		fmt.Sprintf("entity started %d customers", n),
		fmt.Sprintf("entity completed %d customers", n),
		fmt.Sprintf("entity started %d jobs", n),
		fmt.Sprintf("entity failed %d jobs forbidden", n),
		fmt.Sprintf("entity started %d invoices", n),
		fmt.Sprintf("entity cancelled %d invoices", n),
		fmt.Sprintf("run cancelled %d  enough", n),
		fmt.Sprintf("run started %d", m),
		fmt.Sprintf("entity skipped %d jobs never fully synced: request a full sync first", m),
		fmt.Sprintf("run completed %d", m),
	}, log.events(t))
}

func TestRunsThatOtherCallsFinalizeAreLogged(t *testing.T) {
	t.Parallel()
	f, log := loggedFixture(t)
	abandoned := f.beginIncremental("i1", 1, "jobs")
	f.receive(request(events.Incremental, "i2", "jobs"))
	next, _, err := f.BeginRun(t.Context(), incremental("exec 2", 1))
	require.NoError(t, err)
	withdrawn, _, err := f.WithdrawRequest(t.Context(), next.Requests[0].ID, "not needed")
	require.NoError(t, err)
	_, _, err = f.WithdrawRequest(t.Context(), next.Requests[0].ID, "not needed")
	require.True(t, errors.Is(err, ledger.ErrFinalized))
	full := request(events.Full, "f1", "jobs")
	f.receive(full)
	unstarted, err := f.FinalizeUnstarted(t.Context(), full.ID, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{Type: events.Terminated, Message: "gone"}})
	require.NoError(t, err)

	list := log.events(t)
	for _, want := range []string{
		fmt.Sprintf("run failed %d", abandoned.Number), fmt.Sprintf("run started %d", next.Number),
		fmt.Sprintf("run cancelled %d  not needed", withdrawn.Number), fmt.Sprintf("run failed %d  gone", unstarted.Number),
	} {
		count := 0
		for _, line := range list {
			if strings.HasPrefix(line, want) {
				count++
			}
		}
		require.Equal(t, 1, count, "%s in %q", want, list)
	}
}
