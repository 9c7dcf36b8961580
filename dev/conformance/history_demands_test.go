package conformance

import (
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// What is demanded of a history, all the while and at its end.

// mourn notes that a record is deleted, where only its absence will tell.
func (h *history) mourn(name string, id int64) {
	if e, _ := entity.Find(name); e.Export != "" {
		return
	}
	for _, r := range h.memory(name) {
		if r.number == id {
			h.mu.Lock()
			if h.mourned[name] == nil {
				h.mourned[name] = map[string]bool{}
			}
			h.mourned[name][r.key] = true
			h.mu.Unlock()
		}
	}
}

// requireNoFalseDeletes requires that no existing record is marked as deleted.
func (h *history) requireNoFalseDeletes() {
	for _, e := range h.entities {
		if e.Export != "" {
			continue
		}
		dead := value[[]string](h.pair, "select coalesce(array_agg(st_id::text), '{}') from raw."+e.Table()+" where tenant_id = $1 and deleted_at is not null", h.tenant)
		for _, key := range dead {
			require.True(h, h.isMourned(e.Name, key), "%s %s was never deleted", e.Name, key)
		}
	}
}

func (h *history) isMourned(name, key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mourned[name][key]
}

// end lets everything come to rest and compares.
func (h *history) end() {
	h.rest()
	h.resting = true
	for h.pick() != nil {
		h.goOn()
	}
	h.Logf("%v", h.done)
	for _, e := range h.entities {
		result := h.sync(events.Incremental, e.Name)
		if result.Status != events.StatusSkipped { // no full sync of it was ever complete
			require.Equal(h, events.StatusCompleted, result.Status)
		}
		if result.Status != events.StatusCompleted {
			continue
		}
		switch e.Tracks() {
		case entity.FeedChanges:
			h.requireEqual(e.Name)
		case entity.Changes:
			h.requireNoneOlder(e.Name)
		}
	}
	for _, e := range h.entities {
		h.complete(events.Full, e.Name)
		h.complete(events.Full, e.Name)
		h.requireEqual(e.Name)
	}
	h.requireNoFalseDeletes()
}

// happened are the kinds of what may happen in a history: a history need not have them
// all, but those of a test run together do.
var happened = []string{"changes", "faults", "pauses", "deaths", "losses", "slices", "full runs", "incremental runs", "rebuild runs", "ended"}

// tally counts what happened in several histories.
type tally struct {
	mu    sync.Mutex
	times map[string]int
}

func (a *tally) add(done map[string]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for what, times := range done {
		a.times[what] += times
	}
}

// requireNoneOlder demands that no row is older than its record. A list may still hide
// what was deleted, or what slipped between the pages of a list that never came to rest.
func (h *history) requireNoneOlder(name string) {
	dated := map[string]bool{}
	for _, r := range h.memory(name) {
		dated[r.key] = r.json.Get("modifiedOn").Type == gjson.String
	}
	for _, d := range h.compare(name).Differences {
		older := dated[d.Key] && strings.Contains(d.What, "want") && !strings.HasPrefix(d.What, "deleted")
		require.False(h, older, "%s %s", name, d)
	}
}
