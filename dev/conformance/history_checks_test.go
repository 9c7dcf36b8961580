package conformance

import (
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// What a history requires, during its actions and at its end.

// noteDeleted records that a record of a list is deleted: only its absence will show it.
func (h *history) noteDeleted(name string, id int64) {
	if e, _ := entity.Find(name); e.Export != "" {
		return
	}
	for _, r := range h.simulatorRecords(name) {
		if r.number == id {
			h.mu.Lock()
			if h.deletedKeys[name] == nil {
				h.deletedKeys[name] = map[string]bool{}
			}
			h.deletedKeys[name][r.key] = true
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
		dead := value[[]string](h.pipeline, "select coalesce(array_agg(st_id::text), '{}') from raw."+e.Table()+" where tenant_id = $1 and deleted_at is not null", h.tenant)
		for _, key := range dead {
			require.True(h, h.wasDeleted(e.Name, key), "%s %s was never deleted", e.Name, key)
		}
	}
}

// requireNoDamage requires that a verify reports no damage, because no other program has written a row,
// and no row of a feed as missing or stale, because incremental syncs see every change there. While the field
// policy changes, rows differ.
func (h *history) requireNoDamage(results ...events.Result) {
	if h.mixed {
		return
	}
	for _, result := range results {
		if d := result.Differences; d != nil {
			require.Zero(h, d.Damaged, "%s: %+v", result.Entity, d)
			if e, _ := entity.Find(result.Entity); e.Export != "" {
				require.Zero(h, d.Total(), "%s: %+v", result.Entity, d)
			}
		}
	}
}

func (h *history) wasDeleted(name, key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.deletedKeys[name][key]
}

// end stops all actions, finishes the open runs and compares.
func (h *history) end() {
	h.stopActions()
	h.ending = true
	for h.pick() != nil {
		h.continueRun()
	}
	h.Logf("%v", h.done)
	if h.policy != nil {
		h.endPolicies()
	}
	for _, e := range h.entities {
		result := h.sync(events.Incremental, e.Name)
		if result.Status != events.StatusSkipped { // no full sync of it ever completed
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
		h.requireSync(events.Full, e.Name)
		h.requireSync(events.Full, e.Name)
		h.requireEqual(e.Name)
		verified := h.requireSync(events.Verify, e.Name)
		require.NotNil(h, verified.Differences)
		h.requireNoDamage(verified)
	}
	h.requireNoFalseDeletes()
}

// actionKinds are the kinds of actions. One history may lack some of them, those of a test run
// together have all.
var actionKinds = []string{"changes", "faults", "pauses", "crashes", "losses", "slices", "full runs", "incremental runs", "rebuild runs", "verify runs", "refreshes", "policies", "ended"}

// counters counts the actions of several histories.
type counters struct {
	mu    sync.Mutex
	times map[string]int
}

func (a *counters) add(done map[string]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for what, times := range done {
		a.times[what] += times
	}
}

// requireNoneOlder requires that no row is older than its record. A list may still hide deleted
// records, or records that moved between the pages of an unstable list.
func (h *history) requireNoneOlder(name string) {
	idWithModifiedOn := map[string]bool{}
	for _, r := range h.simulatorRecords(name) {
		idWithModifiedOn[r.key] = r.json.Get("modifiedOn").Type == gjson.String
	}
	for _, d := range h.compare(name).Differences {
		older := idWithModifiedOn[d.Key] && strings.Contains(d.What, "want") && !strings.HasPrefix(d.What, "deleted")
		require.False(h, older, "%s %s", name, d)
	}
}
