package conformance

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// seeds are the seeds of the histories in every test run, with -short the first two. Add each seed
// that ever fails.
var seeds = []uint64{1, 2, 3, 4, 5}

// One history only, or more of them:
//
//	go test ./conformance -run TestHistories -seed 17
//	go test ./conformance -run TestHistories -histories 100
var (
	oneSeed   = flag.Uint64("seed", 0, "the only history to go through, 0 for the usual ones")
	histories = flag.Int("histories", 0, "how many histories with random seeds, beside the usual ones")
)

func historySeeds() []uint64 {
	if *oneSeed != 0 {
		return []uint64{*oneSeed}
	}
	drawn := slices.Clone(seeds)
	if testing.Short() {
		drawn = drawn[:2]
	}
	for range *histories {
		drawn = append(drawn, rand.Uint64())
	}
	return drawn
}

// overlap is short, so that a later sync does not hide the mistake of an earlier one.
const overlap = 30 * time.Second

// TestHistories performs random actions: records change, calls fail, slices are stopped, workers
// crash before and after a page is stored, PostgreSQL loses unlogged tables, runs overlap and are
// cancelled, tables are rebuilt, verified and refreshed, and in half of the histories the field policy changes. No record that exists is ever marked deleted. After the last
// action, one incremental sync makes the copy of every feed correct and leaves no row of a list
// older than its record, and two full syncs make every copy correct. The name of a history ends
// with its seed.
func TestHistories(t *testing.T) {
	t.Parallel()
	entities := entitiesNamed(t, "customers", "jobs", "technician_ratings", "customer_memberships", "campaigns", "ap_bills", "payment_types", "location_labor_rates", "call_reasons")
	db := newDatabaseWithOverlap(t, overlap, entities...)
	all := &counters{times: map[string]int{}}
	t.Run("histories", func(t *testing.T) { // returns when all of them have ended
		for _, seed := range historySeeds() {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, db, seed, entities)
				for step := range 200 {
					if step == 100 { // by then, full syncs have completed
						h.add(events.Verify, h.names...)
						h.count("verify runs")
					}
					ended := h.countOf("ended")
					h.step()
					if h.countOf("ended") > ended {
						h.requireNoFalseDeletes()
					}
				}
				h.end()
				all.add(h.done)
			})
		}
	})
	for _, what := range actionKinds {
		require.True(t, t.Failed() || *oneSeed != 0 || all.times[what] > 0, "no %s in any history", what)
	}
}

// history performs random actions on a pipeline.
type history struct {
	*pipeline
	entities []entity.Entity
	names    []string

	mu             sync.Mutex // a page may still be read when its slice has ended
	actionsStopped bool
	depth          int
	actions        sync.WaitGroup // actions around pages
	random         *rand.Rand
	ending         bool // no more actions around pages, and no error is allowed
	openRuns       []*openRun
	restorable     map[string][]int64         // records that can be restored
	deletedKeys    map[string]map[string]bool // keys of list records that were deleted at some time
	stop           context.CancelFunc         // of the current slice
	done           map[string]int             // number of actions by kind
	policy         *currentPolicy             // nil if the history does not change it
	mixed          bool                       // rows may have several policies
}

// openRun is a run that is not finalized, with the entities that it still has to read.
type openRun struct {
	ledger.Run
	left []string
}

func newHistory(t *testing.T, db *database, seed uint64, entities []entity.Entity) *history {
	h := &history{
		entities: entities, restorable: map[string][]int64{}, deletedKeys: map[string]map[string]bool{}, done: map[string]int{}, stop: func() {},
		random: rand.New(rand.NewPCG(seed, seed)),
	}
	for _, e := range entities {
		h.names = append(h.names, e.Name)
	}
	h.pipeline = newPipeline(t, db, simulator.Options{Seed: int64(seed>>1) + 1, FeedTokenLifetime: 30 * time.Minute, FeedLag: overlap}, h.names...)
	if seed%4 >= 2 {
		h.usePolicies()
	}
	h.slices.Store = &crashingStore{PageStore: h.store, crashes: func() (before, behind bool) {
		h.aroundPage(func() { before, behind = h.chance(12), h.chance(12) })
		if before || behind {
			h.count("crashes")
		}
		return before, behind
	}}
	if seed%2 == 0 {
		h.slices.Length = 0 // one page for each slice
	}
	h.source.before = func() { h.aroundPage(h.beforePage) }
	h.source.after = func(e entity.Entity, page entity.Page) { h.aroundPage(func() { h.afterPage(e, page) }) }
	h.start(events.Full)
	h.start(events.Rebuild) // waits until the other has read its entity
	return h
}

func (h *history) beforePage() {
	if h.chance(3) {
		h.mutate()
	}
	if h.chance(8) {
		h.pause()
	}
	if h.chance(6) {
		h.loseUnlogged()
	}
}

func (h *history) afterPage(e entity.Entity, page entity.Page) {
	if h.chance(3) {
		h.mutate()
	}
	if !h.enterSlice(1) { // a slice within a slice within a slice
		return
	}
	defer h.enterSlice(-1)
	if h.chance(6) {
		h.continueRun()
	}
	if len(page.Records) > 0 && h.chance(2) {
		h.overtake(e.Name, page.Records[h.randomInt(len(page.Records))].ID)
	}
}

// enterSlice counts nested slices and reports whether another one is allowed.
func (h *history) enterSlice(by int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.depth+by > 2 {
		return false
	}
	h.depth += by
	return true
}

// randomInt returns a random number below n.
func (h *history) randomInt(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.random.IntN(n)
}

func (h *history) chance(n int) bool { return h.randomInt(n) == 0 }

// aroundPage performs an action before or after a page is read, until the history stops them.
func (h *history) aroundPage(do func()) {
	h.mu.Lock()
	if h.actionsStopped {
		h.mu.Unlock()
		return
	}
	h.actions.Add(1)
	h.mu.Unlock()
	defer h.actions.Done()
	do()
}

// stopActions stops the actions around pages and waits for those that are running.
func (h *history) stopActions() {
	h.mu.Lock()
	h.actionsStopped = true
	h.mu.Unlock()
	h.actions.Wait()
	h.ClearFaults()
}

// step performs the next random action.
func (h *history) step() {
	h.clock.Advance(time.Duration(h.randomInt(60_000)) * time.Millisecond)
	switch n := h.randomInt(100); {
	case n < 25:
		h.mutate()
	case n < 33:
		h.injectFault()
	case n < 37:
		h.start(events.Full)
	case n < 47:
		h.start(events.Incremental)
	case n < 49:
		h.cancel()
	case n < 52:
		h.start(events.Rebuild)
	case n < 55:
		h.start(events.Verify)
	case n < 60:
		h.startRefresh()
	case n < 63 && h.policy != nil:
		h.setPolicy(historyPolicies[h.randomInt(len(historyPolicies))])
	default:
		h.continueRun()
	}
}

func (h *history) count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[what]++
}

// countOf returns how often an action happened.
func (h *history) countOf(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done[what]
}

// mutate changes a random record. Not every entity supports every change.
func (h *history) mutate() {
	name := h.names[h.randomInt(len(h.names))]
	id, err := h.RandomID(name)
	require.NoError(h, err)
	switch n := h.randomInt(20); {
	case n < 5:
		_, err = h.Create(name)
	case n < 15:
		err = h.Update(name, id)
	case n < 17:
		err = h.Deactivate(name, id)
	case n < 19:
		h.noteDeleted(name, id)
		err = h.Delete(name, id)
		h.mu.Lock()
		h.restorable[name] = append(h.restorable[name], id)
		h.mu.Unlock()
	default:
		h.mu.Lock()
		restorable := h.restorable[name]
		h.mu.Unlock()
		if len(restorable) > 0 {
			err = h.Restore(name, restorable[h.randomInt(len(restorable))])
		}
	}
	if err == nil {
		h.count("changes")
	}
}

// loseUnlogged empties unlogged tables, as a crash of PostgreSQL does.
func (h *history) loseUnlogged() {
	_, err := h.pool.Exec(h.Context(), `
		delete from raw.sync_seen s using raw.sync_runs r where r.run_number = s.run_number and r.tenant_id = $1`, h.tenant)
	require.NoError(h, err)
	h.count("losses")
}

// injectFault lets one of the next calls fail.
func (h *history) injectFault() {
	kinds := []string{
		"truncate", "reset", "503html", "html", "500", "429", "expiredTokens", "repeatRecord", "emptyHasMore", "emptyToken", "stuckToken", "samePage",
		"badRecord", "404", "403", "maintenance",
	}
	h.addFault(simulator.Fault{
		Kind: kinds[h.randomInt(len(kinds))], Entity: h.names[h.randomInt(len(h.names))], Skip: h.randomInt(3), Count: 1 + h.randomInt(2),
	})
	h.count("faults")
}
