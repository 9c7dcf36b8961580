package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestManyRequestsAreCoalesced(t *testing.T) {
	t.Parallel()
	requests := 10_000
	if testing.Short() {
		requests = 2000
	}
	w := newFixture(t, options{})
	w.start(t, "serve")
	w.full(t)

	began := time.Now()
	expected := map[string]bool{}
	for i := range requests {
		id := fmt.Sprint("storm-", i)
		expected[events.RequestID(testSource, id)] = true
		_, err := w.js.PublishMsgAsync(message("sync.requested", structured("sync.requested", id, `{"mode":"incremental"}`), structuredHeader...), jetstream.WithStallWait(waitLimit))
		require.NoError(t, err)
	}
	select {
	case <-w.js.PublishAsyncComplete():
	case <-time.After(waitLimit):
		require.Fail(t, "JetStream does not take the requests")
	}
	published := time.Since(began)

	accepted, named, passes := map[string]bool{}, map[string]int{}, map[int64]bool{}
	await(t, w, "sync.accepted", func(d events.AcceptedData) bool {
		if expected[d.RequestID] {
			require.False(t, d.Duplicate)
			accepted[d.RequestID] = true
		}
		return len(accepted) == requests
	})
	answered := time.Since(began)
	await(t, w, "sync.completed", func(d events.OutcomeData) bool {
		for _, r := range d.Requests {
			if expected[r.RequestID] {
				named[r.RequestID]++
				passes[d.RunNumber] = true
			}
		}
		return len(named) == requests
	})
	t.Logf("%d requests: published after %.1f s, answered after %.1f s, finalized after %.1f s in %d passes",
		requests, published.Seconds(), answered.Seconds(), time.Since(began).Seconds(), len(passes))

	require.LessOrEqual(t, len(passes), requests/500+2, "the requests are coalesced")
	require.Equal(t, requests, value[int](t, w, "select count(*) from raw.sync_requests where mode = 'incremental' and run_number is not null"))
	w.requireNotifiedOnce(t)
}
