//go:build privileged && linux

package fault

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writers is the number of concurrent writers. With several, one flush has commits or messages of more than one.
const writers = 4

// acknowledgedWrites are the IDs of the writes that a server has acknowledged.
type acknowledgedWrites struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (w *acknowledgedWrites) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ids)
}

// startWriting starts several writers that call write in a loop, and returns when the server has acknowledged at
// least a number of writes. A writer ends with its first error. wait cancels the context and waits for all of them.
func startWriting(t *testing.T, least int, write func(ctx context.Context, writer int, id string) error) (w *acknowledgedWrites, wait func()) {
	t.Helper()
	w = &acknowledgedWrites{ids: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", writer, i)
				if write(ctx, writer, id) != nil {
					return
				}
				w.mu.Lock()
				w.ids[id] = true
				w.mu.Unlock()
			}
		})
	}
	wait = func() { cancel(); all.Wait() }
	t.Cleanup(wait)
	require.Eventually(t, func() bool { return w.count() >= least }, waitLimit, time.Millisecond, "writes are not acknowledged")
	return w, wait
}

// lostOf returns how many acknowledged writes are not among the stored ones.
func (w *acknowledgedWrites) lostOf(stored []string) int {
	left := map[string]bool{}
	for _, id := range stored {
		left[id] = true
	}
	lost := 0
	for id := range w.ids {
		if !left[id] {
			lost++
		}
	}
	return lost
}

// requireLoss checks that no write was lost, or that some were.
func requireLoss(t *testing.T, want bool, lost, acknowledged int) {
	t.Helper()
	t.Logf("%d of %d acknowledged writes are lost", lost, acknowledged)
	if want {
		require.Positive(t, lost, "this configuration is known to lose writes: if it does not, the test shows nothing")
		return
	}
	require.Zero(t, lost, "acknowledged writes are lost")
}
