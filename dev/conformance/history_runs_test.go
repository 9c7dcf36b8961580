package conformance

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// The runs of a history: how they start, continue and stop.

// start begins a run of some of the entities, or of one if it is a rebuild, unless four runs are
// open.
func (h *history) start(mode events.Mode) {
	h.mu.Lock()
	names, many := slices.Clone(h.names), len(h.openRuns) >= 4
	if len(h.openRuns) > 0 {
		h.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:1+h.random.IntN(len(names))]
	}
	if mode == events.Rebuild {
		names = names[:1]
	}
	h.mu.Unlock()
	if !many {
		h.add(mode, names...)
		h.count(string(mode) + " runs")
	}
}

// add begins a run.
func (h *history) add(mode events.Mode, names ...string) *openRun {
	run := h.begin(mode, false, names...)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.openRuns = append(h.openRuns, &openRun{run, run.Entities})
	return h.openRuns[len(h.openRuns)-1]
}

// startRefresh begins a run that reads some records of one entity by their ids, or what changed in the
// last minutes, unless four runs are open.
func (h *history) startRefresh() {
	h.mu.Lock()
	many := len(h.openRuns) >= 4
	h.mu.Unlock()
	name := h.names[h.randomInt(len(h.names))]
	possible := ledger.Refreshes()[name]
	request := ledger.Request{Mode: events.Incremental, Entities: []string{name}}
	switch {
	case many || possible.NoIDs != "" && possible.NoSince != "":
		return
	case possible.NoIDs != "" || possible.NoSince == "" && h.chance(3):
		request.Since = new(h.clock.Now().Add(-time.Duration(h.randomInt(600)) * time.Second))
	default:
		for _, r := range h.simulatorRecords(name) {
			if h.chance(3) {
				request.IDs = append(request.IDs, r.key)
			}
		}
		request.IDs = append(request.IDs, "1")
	}
	run := h.beginFor(request)
	h.mu.Lock()
	h.openRuns = append(h.openRuns, &openRun{run, run.Entities})
	h.mu.Unlock()
	h.count("refreshes")
}

// cancel finalizes an open run as cancelled.
func (h *history) cancel() {
	if r := h.pick(); r != nil {
		_, err := h.store.Finalize(h.Context(), r.Ref(), ledger.Finalization{State: ledger.Cancelled, Reason: "random cancel"})
		require.NoError(h, err)
		h.forget(r)
		h.count("cancelled")
	}
}

func (h *history) pick() *openRun {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.openRuns) == 0 {
		return nil
	}
	return h.openRuns[h.random.IntN(len(h.openRuns))]
}

func (h *history) forget(r *openRun) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.openRuns = slices.DeleteFunc(h.openRuns, func(other *openRun) bool { return other == r })
}

// pause stops the current slice after the page that it has requested.
func (h *history) pause() {
	h.mu.Lock()
	stop := h.stop
	h.mu.Unlock()
	stop()
	h.count("pauses")
}

// continueRun gives a run one slice of one of its entities.
func (h *history) continueRun() {
	r := h.pick()
	if r == nil {
		return
	}
	h.mu.Lock()
	name := r.left[h.random.IntN(len(r.left))]
	h.mu.Unlock()
	h.advance(r, name)
}

// overtake changes a record that was just read, and lets an incremental sync read and store it
// before the first page is stored.
func (h *history) overtake(name, key string) {
	for _, r := range h.simulatorRecords(name) {
		if r.key != key || h.Update(name, r.number) != nil {
			continue
		}
		h.clock.Advance(2 * time.Second)
		h.advance(h.add(events.Incremental, name), name)
		h.count("overtaken")
	}
}

// advance gives a run one slice. After an error, a later step gives it another one.
func (h *history) advance(r *openRun, name string) {
	h.mu.Lock()
	ctx, stop := context.WithCancel(h.Context())
	defer stop()
	before := h.stop
	h.stop = stop
	h.mu.Unlock()

	result, err := h.slice(ctx, r.Run, name)
	h.count("slices")
	// A feed whose tokens expired twice in one listing is not read by date again: the entity fails in
	// this run, and the next one reads it.
	expired := h.ending && err != nil && strings.Contains(err.Error(), "from: The value")
	if h.ending && !expired {
		require.NoError(h, err)
	}

	h.mu.Lock()
	h.stop = before
	left := r.left
	if expired || err == nil && result.Status != "" {
		left = slices.DeleteFunc(slices.Clone(left), func(other string) bool { return other == name })
	}
	over := len(left) == 0
	if !over { // the run may already have finished
		r.left = left
	}
	h.mu.Unlock()
	if over {
		h.requireNoDamage(h.finalize(r.Run).Results...)
		h.forget(r)
		h.count("ended")
	}
}
