package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/stretchr/testify/require"
)

// incrementals creates incremental requests, each for the next of the tenants.
func (w *world) incrementals(t *testing.T, count int, tenants ...string) []*message {
	t.Helper()
	messages := make([]*message, count)
	for i := range messages {
		messages[i] = w.requested(t, fmt.Sprint("e", i), events.RequestData{Mode: events.Incremental, TenantID: tenants[i%len(tenants)]})
	}
	return messages
}

// No confirmation arrives until every message of the batch is acknowledged.
func TestAcknowledgementsOfABatchDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	messages := w.incrementals(t, 500, "985")
	var unconfirmed sync.WaitGroup
	unconfirmed.Add(len(messages))
	all := make(chan struct{})
	go func() { unconfirmed.Wait(); close(all) }()
	patience, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, m := range messages {
		m.confirm = func() {
			unconfirmed.Done()
			select {
			case <-all:
			case <-patience.Done():
				t.Error("acknowledgements wait for each other")
			}
		}
	}
	require.NoError(t, w.requests(messages...))
	for _, m := range messages {
		require.Equal(t, "acked", m.ended)
	}
}

func TestABatchIsAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Tenants = append(w.bridge.Tenants, bridge.Tenant{ID: "986"})
	messages := w.incrementals(t, 6, "985", "986")
	require.NoError(t, w.requests(messages...))
	require.Equal(t, 1, w.count("Accept"))
	for i, m := range messages {
		require.Equal(t, "acked", m.ended)
		r := w.request(fmt.Sprint("e", i))
		require.Equal(t, w.firstRun(r.WorkflowID), r.FirstRunID)
	}
}

func TestAWorkflowThatFailsDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Tenants = append(w.bridge.Tenants, bridge.Tenant{ID: "986"})
	busy := errors.New("workflow is busy")
	w.failing = func(detail string) error {
		if detail == "incremental-sync-986" {
			return busy
		}
		return nil
	}
	messages := w.incrementals(t, 6, "985", "986")
	require.ErrorIs(t, w.requests(messages...), busy)
	for i, m := range messages {
		accepted := i%2 == 0
		require.Equal(t, accepted, m.ended == "acked")
		require.Equal(t, accepted, w.request(fmt.Sprint("e", i)).State == ledger.Accepted)
		require.Equal(t, !accepted, len(m.delays) == 1, "redelivered")
	}
}
