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

// start begins another run, of some of the entities, or of one if it is a rebuild, unless
// many are at work.
func (h *history) start(mode events.Mode) {
	h.mu.Lock()
	names, many := slices.Clone(h.names), len(h.running) >= 4
	if len(h.running) > 0 {
		h.dice.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:1+h.dice.IntN(len(names))]
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
func (h *history) add(mode events.Mode, names ...string) *running {
	run := h.begin(mode, false, names...)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = append(h.running, &running{run, run.Entities})
	return h.running[len(h.running)-1]
}

// cancel decides a run that is at work.
func (h *history) cancel() {
	if r := h.pick(); r != nil {
		_, err := h.store.Finalize(h.Context(), r.Ref(), ledger.Finalization{State: ledger.Cancelled, Reason: "by chance"})
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

// goOn gives a run one slice of one of its entities.
func (h *history) goOn() {
	r := h.pick()
	if r == nil {
		return
	}
	h.mu.Lock()
	name := r.left[h.dice.IntN(len(r.left))]
	h.mu.Unlock()
	h.advance(r, name)
}

// overtake changes a record that was just read, and has an incremental read and store
// it before what was read is stored.
func (h *history) overtake(name, key string) {
	for _, r := range h.memory(name) {
		if r.key != key || h.Update(name, r.number) != nil {
			continue
		}
		h.clock.Advance(2 * time.Second)
		h.advance(h.add(events.Incremental, name), name)
		h.count("overtaken")
	}
}

// advance gives a run one slice. Whatever error it ends with, another one comes some day.
func (h *history) advance(r *running, name string) {
	h.mu.Lock()
	ctx, stop := context.WithCancel(h.Context())
	defer stop()
	before := h.stop
	h.stop = stop
	h.mu.Unlock()

	result, err := h.slice(ctx, r.Run, name)
	h.count("slices")
	// A feed whose tokens expired twice in one listing is not begun by date again: the entity
	// fails in this run, and the next one reads it.
	expired := h.resting && err != nil && strings.Contains(err.Error(), "from: The value")
	if h.resting && !expired {
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
		h.decide(r.Run)
		h.forget(r)
		h.count("ended")
	}
}
