package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Business is the simulated company: its records, and how they change.
type Business struct {
	world       *world
	now         func() time.Time
	collections map[string]*collection

	mu      sync.Mutex // held while anything changes, so that changes are in one order
	busy    []string   // the entities that Mutate changes
	last    ticks      // when the last change happened
	dice    dice       // what happens next
	journal *journal   // nil where changes are not kept
	hooks   []func(Change)
}

// Change is something that happened to a record.
type Change struct {
	Entity string
	ID     int64
	Event  string // customer.created, job.deleted and the like
	At     time.Time
	Record []byte // as the export feed shows it; not to be changed
}

func newBusiness(o Options) *Business {
	b := &Business{
		world:       newWorld(o),
		now:         o.Now,
		collections: map[string]*collection{},
		busy:        o.Busy,
		last:        census,
		dice:        dice{rand.New(rand.NewPCG(uint64(o.Seed), 0xb0551e55))},
	}
	for _, k := range b.world.kinds {
		b.collections[k.name] = newCollection(k, o.Lag)
	}
	if b.busy == nil {
		b.busy = b.world.core()
	}
	for _, name := range b.busy {
		if b.collections[name] == nil {
			panic("simulator: Options.Busy names an entity that is not simulated: " + name)
		}
	}
	var stocking sync.WaitGroup
	for _, name := range b.world.core() {
		stocking.Go(func() { b.stocked(name) })
	}
	stocking.Wait()
	return b
}

// stocked is the collection of an entity, with its first records made; nil where
// there is no such entity.
func (b *Business) stocked(entity string) *collection {
	c := b.collections[entity]
	if c == nil {
		return nil
	}
	c.stock.Do(func() {
		records := make([]*record, b.world.counts[c.name])
		for i := range records {
			records[i] = b.world.record(c.kind, b.world.birth(c.kind, i))
		}
		c.fill(records)
		c.late.fill(records)
	})
	return c
}

// OnChange has hook called after every change, before the method that made it
// returns. Hooks must be set before anything changes.
func (b *Business) OnChange(hook func(Change)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hooks = append(b.hooks, hook)
}

// Create adds a record and returns its id.
func (b *Business) Create(entity string) (int64, error) {
	c, err := b.collection(entity)
	if err != nil {
		return 0, err
	}
	return b.change(c, "created", func() (state, error) {
		return state{Ordinal: c.len(), Dateless: b.dice.chance(c.dateless)}, nil
	})
}

// Update changes a record; one that is gone cannot be changed.
func (b *Business) Update(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	_, err = b.change(c, "updated", func() (state, error) {
		r := c.find(id)
		if r == nil || c.deleted(r) {
			return state{}, fmt.Errorf("update %s %d: there is no such record", entity, id)
		}
		return r.state, nil
	})
	return err
}

// Delete does what users of ServiceTitan do to be rid of a record. What has an
// export feed stays in it, as not active: jobs and the like are from then on
// shown by the feed alone, customers merged into another or deactivated, the
// rest deactivated. Without a feed the record is gone for good, without a word.
func (b *Business) Delete(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	if c.export == "" {
		return b.end(c, id, "deleted", func(s *state) { s.Removed = true })
	}
	if c.fixed {
		return fmt.Errorf("delete %s %d: it is a log, nothing is deleted from it", entity, id)
	}
	event := "updated"
	if c.gone {
		event = "deleted"
	}
	return b.end(c, id, event, func(s *state) {
		s.Inactive = true
		if survivor := b.pick(c, (*record).present); c.merges && b.dice.chance(500) && survivor != nil && survivor.id != id {
			s.MergedTo = survivor.id
		}
	})
}

// Deactivate makes a record inactive, of an entity where that does not delete it.
func (b *Business) Deactivate(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	if c.fixed || c.gone {
		return fmt.Errorf("deactivate %s %d: its records are never just inactive", entity, id)
	}
	return b.end(c, id, "updated", func(s *state) { s.Inactive = true })
}

// end changes a record that is there and active.
func (b *Business) end(c *collection, id int64, event string, to func(*state)) error {
	_, err := b.change(c, event, func() (state, error) {
		r := c.find(id)
		if r == nil || !r.present() {
			return state{}, fmt.Errorf("%s %d: there is no such active record", c.name, id)
		}
		s := r.state
		to(&s)
		return s, nil
	})
	return err
}

// Restore brings back a record that was deleted or deactivated.
func (b *Business) Restore(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	_, err = b.change(c, "updated", func() (state, error) {
		r := c.lookUp(id)
		if r == nil || r.present() {
			return state{}, fmt.Errorf("restore %s %d: there is no such record that went", entity, id)
		}
		s := r.state
		s.Inactive, s.Removed, s.MergedTo = false, false, 0
		return s, nil
	})
	return err
}

// change makes the next version of a record, stores it, and tells of it.
func (b *Business) change(c *collection, event string, next func() (state, error)) (int64, error) {
	b.mu.Lock()
	s, err := next()
	if err != nil {
		b.mu.Unlock()
		return 0, err
	}
	b.last = max(b.last+1, ticksOf(b.now()))
	s.Modified = b.last
	if event == "created" {
		s.Created = b.last
	} else {
		s.Version++
	}
	r := b.world.record(c.kind, s)
	c.put(r)
	b.journal.append(c.name, s)
	hooks := b.hooks
	b.mu.Unlock()

	for _, hook := range hooks {
		hook(Change{Entity: c.name, ID: r.id, Event: c.singular + "." + event, At: s.Modified.time(), Record: r.body})
	}
	return r.id, nil
}

// Mutate lets n things happen at random to the busy entities: mostly updates,
// some new records, a few deletions.
func (b *Business) Mutate(n int) {
	for range n {
		b.mu.Lock()
		c := b.stocked(b.busy[b.dice.IntN(len(b.busy))])
		roll := b.dice.IntN(100)
		target := b.pick(c, (*record).present)
		b.mu.Unlock()

		// Between picking and changing somebody else may delete the record:
		// then nothing happens this time.
		switch {
		case target == nil || roll < 20:
			_, _ = b.Create(c.name)
		case roll < 25:
			_ = b.Delete(c.name, target.id)
		default:
			_ = b.Update(c.name, target.id)
		}
	}
}

// Run keeps the company busy until ctx ends: a few changes every interval.
func (b *Business) Run(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.Mutate(3)
		}
	}
}

// RandomID picks an active record of an entity.
func (b *Business) RandomID(entity string) (int64, error) {
	return b.randomID(entity, "active", (*record).present)
}

func (b *Business) randomID(entity, what string, fits func(*record) bool) (int64, error) {
	c, err := b.collection(entity)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.pick(c, fits); r != nil {
		return r.id, nil
	}
	return 0, fmt.Errorf("%s: there is no record that is %s", entity, what)
}

// pick picks a record that fits, nil where there is none: at random, and where
// others are in the way the next that does.
func (b *Business) pick(c *collection, fits func(*record) bool) *record {
	n := c.len()
	if n == 0 {
		return nil
	}
	start := b.dice.IntN(n)
	for i := range n {
		if r := c.at((start + i) % n); fits(r) {
			return r
		}
	}
	return nil
}

func (b *Business) collection(entity string) (*collection, error) {
	if c := b.stocked(entity); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("entity %q is not simulated", entity)
}
