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

// seeds are of the histories that every test run goes through. A seed that ever fails
// belongs here.
var seeds = []uint64{1, 2, 3, 4}

// One history alone, and more of them than usual:
//
//	go test ./conformance -run TestHistories -seed 17
//	go test ./conformance -run TestHistories -histories 100
var (
	oneSeed   = flag.Uint64("seed", 0, "the only history to go through, 0 for the usual ones")
	histories = flag.Int("histories", 0, "how many histories with seeds drawn anew, beside the usual ones")
)

func historySeeds() []uint64 {
	if *oneSeed != 0 {
		return []uint64{*oneSeed}
	}
	drawn := slices.Clone(seeds)
	for range *histories {
		drawn = append(drawn, rand.Uint64())
	}
	return drawn
}

// overlap is short, so that what one sync does wrong the next does not make good.
const overlap = 30 * time.Second

// TestHistories makes up what happens: records change, calls go wrong, slices are
// stopped, workers die before a page is stored and behind it, PostgreSQL loses what is
// unlogged, runs overtake each other and are cancelled, tables are rebuilt. All the while, no record that
// was never deleted is taken for it. Once all is calm, one incremental makes the copy of
// every feed right and leaves no row of a list older than its record, and two full syncs
// make every copy right. The name of a history ends with its seed.
func TestHistories(t *testing.T) {
	t.Parallel()
	entities := few(t, "customers", "jobs", "technician_ratings", "customer_memberships", "campaigns", "ap_bills", "payment_types", "location_labor_rates", "call_reasons")
	db := newOverlapping(t, overlap, entities...)
	all := &tally{times: map[string]int{}}
	t.Run("histories", func(t *testing.T) { // ends when all of them have
		for _, seed := range historySeeds() {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, db, seed, entities)
				for range 200 {
					ended := h.often("ended")
					h.step()
					if h.often("ended") > ended {
						h.requireNoFalseDeletes()
					}
				}
				h.end()
				all.add(h.done)
			})
		}
	})
	for _, what := range happened {
		require.True(t, t.Failed() || *oneSeed != 0 || all.times[what] > 0, "no %s in all these histories", what)
	}
}

// history is a pair to which everything happens, by the throw of dice.
type history struct {
	*pair
	entities []entity.Entity
	names    []string

	mu      sync.Mutex // a page may still be read when the slice that asked for it is over
	calm    bool
	depth   int
	around  sync.WaitGroup // what happens around pages
	dice    *rand.Rand
	resting bool // nothing happens around pages any more, and nothing may go wrong
	running []*running
	gone    map[string][]int64         // records that can be restored
	mourned map[string]map[string]bool // keys of those that ever were deleted, of lists
	stop    context.CancelFunc         // of the slice at work
	done    map[string]int             // how often what happened
}

// running is a run that is not decided, and what it has still to read.
type running struct {
	ledger.Run
	left []string
}

func newHistory(t *testing.T, db *database, seed uint64, entities []entity.Entity) *history {
	h := &history{
		entities: entities, gone: map[string][]int64{}, mourned: map[string]map[string]bool{}, done: map[string]int{}, stop: func() {},
		dice: rand.New(rand.NewPCG(seed, seed)),
	}
	for _, e := range entities {
		h.names = append(h.names, e.Name)
	}
	h.pair = newPair(t, db, simulator.Options{Seed: int64(seed>>1) + 1, FeedTokenLifetime: 30 * time.Minute, FeedLag: overlap}, h.names...)
	h.slices.Store = &mortal{PageStore: h.store, dies: func() (before, behind bool) {
		h.unlessCalm(func() { before, behind = h.chance(12), h.chance(12) })
		if before || behind {
			h.count("deaths")
		}
		return before, behind
	}}
	if seed%2 == 0 {
		h.slices.Length = 0 // a page for each slice
	}
	h.source.before = func() { h.unlessCalm(h.beforePage) }
	h.source.after = func(e entity.Entity, page entity.Page) { h.unlessCalm(func() { h.afterPage(e, page) }) }
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
	if !h.deeper(1) { // within a slice within a slice
		return
	}
	defer h.deeper(-1)
	if h.chance(6) {
		h.goOn()
	}
	if len(page.Records) > 0 && h.chance(2) {
		h.overtake(e.Name, page.Records[h.roll(len(page.Records))].ID)
	}
}

// deeper counts the slices that work within others, and says whether one more may.
func (h *history) deeper(by int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.depth+by > 2 {
		return false
	}
	h.depth += by
	return true
}

// roll is a random number below n.
func (h *history) roll(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dice.IntN(n)
}

func (h *history) chance(n int) bool { return h.roll(n) == 0 }

// unlessCalm does something around a page, while things still happen.
func (h *history) unlessCalm(do func()) {
	h.mu.Lock()
	if h.calm {
		h.mu.Unlock()
		return
	}
	h.around.Add(1)
	h.mu.Unlock()
	defer h.around.Done()
	do()
}

// rest waits until nothing happens any more.
func (h *history) rest() {
	h.mu.Lock()
	h.calm = true
	h.mu.Unlock()
	h.around.Wait()
	h.ClearFaults()
}

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
	case n < 52:
		h.start(events.Rebuild)
	default:
		h.goOn()
	}
}

func (h *history) count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[what]++
}

// often is how often something has happened.
func (h *history) often(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done[what]
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
		h.mourn(name, id)
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

// loseUnlogged is what a crash of PostgreSQL does: unlogged tables are empty.
func (h *history) loseUnlogged() {
	_, err := h.pool.Exec(h.Context(), `
		delete from raw.sync_seen s using raw.sync_runs r where r.run_number = s.run_number and r.tenant_id = $1`, h.tenant)
	require.NoError(h, err)
	h.count("losses")
}

// stumble makes a call go wrong some time soon.
func (h *history) stumble() {
	kinds := []string{
		"truncate", "reset", "503html", "html", "500", "429", "expiredTokens", "repeatRecord", "emptyHasMore", "emptyToken", "stuckToken", "samePage",
		"badRecord", "404", "403", "maintenance",
	}
	h.goWrong(simulator.Fault{
		Kind: kinds[h.roll(len(kinds))], Entity: h.names[h.roll(len(h.names))], Skip: h.roll(3), Count: 1 + h.roll(2),
	})
	h.count("faults")
}
