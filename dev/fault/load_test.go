package fault

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// firstSync runs a full sync, so that incremental syncs have a resume point.
func (r *rig) firstSync(t *testing.T) {
	t.Helper()
	r.full(t)
	r.awaitSettled(t)
}

// load publishes a request and changes some records every so often, until the returned
// function is called. Most requests are incremental, as webhooks make them.
func (r *rig) load(t *testing.T, every time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	r.changing = true
	done.Go(func() {
		dice := rand.New(rand.NewPCG(1, 2))
		for fulls := 0; wait(ctx, every); {
			r.stack.Simulator.Mutate(3)
			data := `{"mode":"incremental"}`
			if fulls < len(core) && dice.IntN(5) == 0 { // one of each: those of one entity wait for each other, up to half a minute
				data = `{"mode":"full","entities":["` + core[fulls] + `"]}`
				fulls++
			}
			a := r.note(events.KindRequest)
			if err := r.publish(ctx, a, "sync.requested", data); err != nil && ctx.Err() == nil {
				t.Errorf("request %s could not be published: %v", a.id, err)
			}
		}
	})
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); done.Wait() }) }
	t.Cleanup(stop)
	return stop
}

// wait reports whether the time passed before ctx was done.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// during waits while a fault lasts. There is no condition to wait for.
func during(t *testing.T, d time.Duration) {
	t.Helper()
	require.True(t, wait(t.Context(), d), "the test was ended")
}

// awaitPublished waits until JetStream has stored n more requests.
func (r *rig) awaitPublished(t *testing.T, n int) {
	t.Helper()
	n += len(r.commands(events.KindRequest))
	require.Eventually(t, func() bool { return len(r.commands(events.KindRequest)) >= n }, waitLimit, tick)
}
