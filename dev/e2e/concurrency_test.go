package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

// One run reads as many entities at once as its rate budget allows when ServiceTitan is slow.
func TestARunReadsManyEntitiesAtOnce(t *testing.T) {
	t.Parallel()
	const latency = 12 * time.Second // the time in which a busy machine starts them
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 5}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(latency)
	names, err := json.Marshal(entity.Names()[:30])
	require.NoError(t, err)
	outcome := w.completed(t, w.request(t, `{"mode":"full","entities":`+string(names)+`}`))
	require.Len(t, outcome.Results, 30)

	began := map[string]time.Time{}
	for _, call := range w.stack.Simulator.Stats().Requests {
		require.NotEqual(t, 429, call.Status, "the rate budget holds")
		if at, known := began[call.Entity]; call.On != "token" && (!known || call.At.Before(at)) {
			began[call.Entity] = call.At
		}
	}
	most := 0
	for _, first := range began {
		atOnce := 0
		for _, other := range began {
			if !other.Before(first) && other.Before(first.Add(latency)) {
				atOnce++
			}
		}
		most = max(most, atOnce)
	}
	require.Greater(t, most, 20, "a run used to read four entities at once")
}
