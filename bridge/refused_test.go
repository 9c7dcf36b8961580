package bridge_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/stretchr/testify/require"
)

// refusingLedger refuses permanently what PostgreSQL would refuse because of one request.
type refusingLedger struct {
	*memory.Ledger
	id string
}

type refusal struct{}

func (refusal) Error() string   { return "invalid input (SQLSTATE 22008)" }
func (refusal) Permanent() bool { return true }

func (l refusingLedger) Receive(ctx context.Context, all []ledger.Request) ([]ledger.Receipt, error) {
	if slices.ContainsFunc(all, func(q ledger.Request) bool { return q.EventID == l.id }) {
		return nil, refusal{}
	}
	return l.Ledger.Receive(ctx, all)
}

func TestARequestThatTheLedgerRefusesDoesNotDelayTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Ledger = refusingLedger{w.ledger, "bad"}
	bad := w.requested(t, "bad", events.RequestData{Mode: events.Full})
	good, again := w.requested(t, "good", events.RequestData{Mode: events.Full}), w.requested(t, "good", events.RequestData{Mode: events.Full})
	require.ErrorContains(t, w.requests(good, bad, again), "record 1 requests: invalid input")
	require.Equal(t, []string{"", "acked", "acked"}, []string{bad.ended, good.ended, again.ended})
	require.Equal(t, ledger.Accepted, w.request("good").State)
	require.Len(t, w.temporal.Executions(), 1)
	duplicates := 0
	for _, a := range published(t, w, events.Accepted) {
		if a.Duplicate {
			duplicates++
		}
	}
	require.Equal(t, 1, duplicates)
}

// A reason of the length of a message would be loaded with every request of a run.
func TestReasonsAreShortened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.requested(t, "e1", events.RequestData{Mode: events.Full, Reason: strings.Repeat("é", 100_000)})
	require.NoError(t, w.requests(m))
	require.Len(t, []rune(w.request("e1").Reason), 1000)
}
