package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// stored reads a whole stream. It retries a call that NATS does not answer after a restart.
func (w *fixture) stored(t *testing.T, name string) []receivedEvent {
	t.Helper()
	for tries := 1; ; tries++ {
		list, err := w.read(t.Context(), name)
		if err == nil {
			return list
		}
		require.Less(t, tries, 10, "read stream %s: %v", name, err)
	}
}

func (w *fixture) read(ctx context.Context, name string) (list []receivedEvent, err error) {
	stream, err := w.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	state := stream.CachedInfo().State
	for sequence := state.FirstSeq; sequence <= state.LastSeq && state.Msgs > 0; sequence++ {
		m, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			return nil, err
		}
		h := receivedEvent{}
		_ = json.Unmarshal(m.Data, &h) // a dead letter may have no event
		h.on, h.at, h.data = m.Subject, m.Time, m.Data
		list = append(list, h)
	}
	return list, nil
}

// requireNotifiedOnce checks the stored events: no event twice, and exactly one outcome for every
// accepted request. A subscriber may receive an outcome before it is stored, and a second pass
// may be served before its sync.accepted is published.
func (w *fixture) requireNotifiedOnce(t *testing.T) {
	t.Helper()
	var l *eventHistory
	require.Eventually(t, func() bool {
		l = w.readEvents(t)
		return len(l.outcomes) == len(l.accepted)
	}, waitLimit, 10*tick, "as many requests with an outcome as were accepted")
	for id := range l.accepted {
		require.Equal(t, 1, l.outcomes[id], "outcomes of request %s", id)
	}
	require.Equal(t, len(l.accepted), len(l.outcomes), "every outcome names requests that were accepted")
}

// eventHistory is what a consumer of all events knows of the requests.
type eventHistory struct {
	accepted map[string]bool
	outcomes map[string]int // that name a request
}

func (w *fixture) readEvents(t *testing.T) *eventHistory {
	t.Helper()
	l := &eventHistory{map[string]bool{}, map[string]int{}}
	seen := map[string]bool{}
	for _, h := range w.stored(t, "SYNC_EVENTS") {
		require.Equal(t, "1.0", h.SpecVersion)
		require.Equal(t, "com.lazi."+h.on+".v1", h.Type)
		require.False(t, seen[h.Source+" "+h.ID], "%s %s is stored twice", h.Type, h.ID)
		seen[h.Source+" "+h.ID] = true
		switch strings.TrimPrefix(h.on, "sync.") {
		case "accepted":
			var d events.AcceptedData
			require.NoError(t, json.Unmarshal(h.Data, &d))
			if d.Kind == events.KindRequest {
				l.accepted[d.RequestID] = true
			}
		case "completed", "failed", "cancelled":
			var d events.OutcomeData
			require.NoError(t, json.Unmarshal(h.Data, &d))
			for _, r := range d.Requests {
				l.outcomes[r.RequestID]++
			}
		}
	}
	return l
}
