package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// seeds are of histories that are always gone through, beside one drawn each time. A
// seed that ever fails belongs here.
var seeds = []uint64{1, 2, 3}

// TestHistories makes up what happens: records change, calls go wrong, slices are
// stopped, runs overtake each other and are cancelled. Once all is calm, one incremental
// makes the copy of every feed right, and two full syncs that of every list.
func TestHistories(t *testing.T) {
	t.Parallel()
	entities := few(t, "customers", "jobs", "technician_ratings", "customer_memberships", "campaigns", "ap_bills", "payment_types", "location_labor_rates")
	db := newDatabase(t, entities...)
	for _, seed := range append(slices.Clone(seeds), rand.Uint64()) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, db, seed, entities)
			for range 200 {
				h.step()
			}
			h.end()
		})
	}
}

// history is a pair to which everything happens, by the throw of dice.
type history struct {
	*pair
	entities []entity.Entity
	names    []string
	calm     atomic.Bool

	mu      sync.Mutex // a page may be read while the slice that asked for it is over
	dice    *rand.Rand
	running []*running
	gone    map[string][]int64 // records that can be restored
	stop    context.CancelFunc // of the slice at work
	done    map[string]int     // how often what happened
}

// running is a run that is not decided, and what it has still to read.
type running struct {
	ledger.Run
	left []string
}

func newHistory(t *testing.T, db *database, seed uint64, entities []entity.Entity) *history {
	h := &history{
		entities: entities, gone: map[string][]int64{}, done: map[string]int{}, stop: func() {},
		dice: rand.New(rand.NewPCG(seed, seed)),
	}
	for _, e := range entities {
		h.names = append(h.names, e.Name)
	}
	h.pair = newPair(t, db, simulator.Options{Seed: int64(seed >> 1), FeedTokenLifetime: 30 * time.Minute}, h.names...)
	if seed%2 == 0 {
		h.slices.Length = 0 // a page for each slice
	}
	h.source.before = func() {
		if h.chance(3) {
			h.mutate()
		}
		if h.chance(8) {
			h.pause()
		}
	}
	h.source.after = func(entity.Cursor, entity.Page) {
		if h.chance(3) {
			h.mutate()
		}
		if h.chance(6) { // what was read now is stored after what is read then
			h.goOn()
		}
	}
	h.start(events.Full)
	return h
}

// roll is a random number below n.
func (h *history) roll(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dice.IntN(n)
}

// chance is true once in n times, while there is no calm.
func (h *history) chance(n int) bool { return !h.calm.Load() && h.roll(n) == 0 }

// step is the next thing that happens.
func (h *history) step() {
	h.clock.Advance(time.Duration(h.roll(60_000)) * time.Millisecond)
	switch n := h.roll(100); {
	case n < 25:
		h.mutate()
	case n < 33:
		h.stumble()
	case n < 37:
		h.start(events.Full)
	case n < 47:
		h.start(events.Incremental)
	case n < 49:
		h.cancel()
	default:
		h.goOn()
	}
}

func (h *history) count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[what]++
}

// mutate changes a random record. Not everything can be done to every one.
func (h *history) mutate() {
	name := h.names[h.roll(len(h.names))]
	id, err := h.RandomID(name)
	require.NoError(h, err)
	switch n := h.roll(20); {
	case n < 5:
		_, err = h.Create(name)
	case n < 15:
		err = h.Update(name, id)
	case n < 17:
		err = h.Deactivate(name, id)
	case n < 19:
		err = h.Delete(name, id)
		h.mu.Lock()
		h.gone[name] = append(h.gone[name], id)
		h.mu.Unlock()
	default:
		h.mu.Lock()
		gone := h.gone[name]
		h.mu.Unlock()
		if len(gone) > 0 {
			err = h.Restore(name, gone[h.roll(len(gone))])
		}
	}
	if err == nil {
		h.count("changes")
	}
}

// stumble makes a call go wrong some time soon.
func (h *history) stumble() {
	kinds := []string{
		"truncate", "503html", "html", "500", "429", "expiredTokens", "repeatRecord", "emptyHasMore", "emptyToken", "stuckToken", "badRecord", "404",
	}
	h.goWrong(simulator.Fault{
		Kind: kinds[h.roll(len(kinds))], Entity: h.names[h.roll(len(h.names))], Skip: h.roll(3), Count: 1 + h.roll(2),
	})
	h.count("faults")
}

// start begins another run, of some of the entities, unless many are at work.
func (h *history) start(mode events.Mode) {
	names := slices.Clone(h.names)
	if len(h.running) > 0 {
		h.dice.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:1+h.roll(len(names))]
	}
	if len(h.running) < 4 {
		run := h.begin(mode, false, names...)
		h.mu.Lock()
		h.running = append(h.running, &running{run, run.Entities})
		h.mu.Unlock()
		h.count(string(mode) + " runs")
	}
}

// cancel decides a run that is at work.
func (h *history) cancel() {
	if r := h.pick(); r != nil {
		_, err := h.store.Decide(h.Context(), r.Number, ledger.Decision{State: ledger.Cancelled, Reason: "by chance"})
		require.NoError(h, err)
		h.forget(r)
		h.count("cancelled")
	}
}

func (h *history) pick() *running {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.running) == 0 {
		return nil
	}
	return h.running[h.dice.IntN(len(h.running))]
}

func (h *history) forget(r *running) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = slices.DeleteFunc(h.running, func(other *running) bool { return other == r })
}

// pause stops the slice at work after the page it has asked for.
func (h *history) pause() {
	h.mu.Lock()
	stop := h.stop
	h.mu.Unlock()
	stop()
	h.count("pauses")
}

// goOn gives a run one slice of one of its entities. Whatever error it ends with,
// another one comes some day.
func (h *history) goOn() {
	r := h.pick()
	if r == nil {
		return
	}
	h.mu.Lock()
	name := r.left[h.dice.IntN(len(r.left))]
	ctx, stop := context.WithCancel(h.Context())
	defer stop()
	before := h.stop
	h.stop = stop
	h.mu.Unlock()

	result, err := h.slice(ctx, r.Run, name)
	h.count("slices")

	h.mu.Lock()
	h.stop = before
	if err == nil && result.Status != "" {
		r.left = slices.DeleteFunc(slices.Clone(r.left), func(other string) bool { return other == name })
	}
	over := len(r.left) == 0
	if over {
		r.left = []string{name} // for whoever picked it meanwhile
	}
	h.mu.Unlock()
	if over {
		h.decide(r.Run)
		h.forget(r)
		h.count("ended")
	}
}

// end lets everything come to rest and compares.
func (h *history) end() {
	h.calm.Store(true)
	h.ClearFaults()
	for h.pick() != nil {
		h.goOn()
	}
	h.Logf("%v", h.done)
	for _, e := range h.entities {
		result := h.sync(events.Incremental, e.Name)
		if result.Status != events.StatusSkipped { // no full sync of it was ever complete
			require.Equal(h, events.StatusCompleted, result.Status)
		}
		if result.Status == events.StatusCompleted && e.Export != "" {
			h.requireEqual(e.Name)
		}
	}
	for _, e := range h.entities {
		h.complete(events.Full, e.Name)
		h.complete(events.Full, e.Name)
		h.requireEqual(e.Name)
	}
	for _, what := range []string{"changes", "faults", "pauses", "slices", "full runs", "incremental runs", "ended"} {
		require.NotZero(h, h.done[what], what)
	}
}
