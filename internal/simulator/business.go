package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Business is the simulated company: its records and their changes. It is safe for
// concurrent use.
type Business struct {
	world       *world
	now         func() time.Time
	collections map[string]*collection

	mu      sync.Mutex // held while anything changes, so that changes are in one order
	busy    []string   // the entities that Mutate changes
	last    ticks      // time of the last change
	random  random     // chooses the next change
	journal *journal   // nil if changes are not stored
	hooks   []func(Change)
}

// Change is a change of a record.
type Change struct {
	Entity string
	ID     int64
	Event  string // customer.created, job.deleted and the like
	At     time.Time
	Record []byte // as the export feed returns it; must not be changed
}

func newBusiness(o Options) *Business {
	b := &Business{
		world:       newWorld(o),
		now:         o.Now,
		collections: map[string]*collection{},
		busy:        o.Busy,
		last:        snapshotTime,
		random:      random{rand.New(rand.NewPCG(uint64(o.Seed), 0xb0551e55))},
	}
	for _, k := range b.world.kinds {
		b.collections[k.name] = newCollection(k, o.Lag)
	}
	if b.busy == nil {
		b.busy = b.world.core()
	}
	for _, name := range b.busy {
		if b.collections[name] == nil {
			panic("simulator: Options.Busy: entity not simulated: " + name)
		}
	}
	var loading sync.WaitGroup
	for _, name := range b.world.core() {
		loading.Go(func() { b.loaded(name) })
	}
	loading.Wait()
	return b
}

// loaded returns the collection of an entity with its initial records, nil if there is no
// such entity.
func (b *Business) loaded(entity string) *collection {
	c := b.collections[entity]
	if c == nil {
		return nil
	}
	c.init.Do(func() {
		records := make([]*record, b.world.counts[c.name])
		for i := range records {
			records[i] = b.world.record(c.kind, b.world.initialState(c.kind, i))
		}
		c.fill(records)
		c.delayed.fill(records)
	})
	return c
}

// OnChange registers a hook that is called after every change, before the method that made
// it returns. Hooks must be registered before the first change.
func (b *Business) OnChange(hook func(Change)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hooks = append(b.hooks, hook)
}

// Create adds a record and returns its number.
func (b *Business) Create(entity string) (int64, error) {
	c, err := b.collection(entity)
	if err != nil {
		return 0, err
	}
	return b.change(c, "created", func() (state, error) {
		return state{Ordinal: c.len(), Dateless: b.random.chance(c.dateless)}, nil
	})
}

// Update changes a record. It returns an error if the record does not exist.
func (b *Business) Update(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	_, err = b.change(c, "updated", func() (state, error) {
		r := c.find(id)
		if r == nil || c.deleted(r) {
			return state{}, fmt.Errorf("update %s %d: no such record", entity, id)
		}
		return r.state, nil
	})
	return err
}

// Delete does what users of ServiceTitan do to remove a record. A record of an entity with
// an export feed stays in the feed as inactive: jobs and the like appear only there,
// customers are merged into another one or deactivated, others are deactivated. A record of
// an entity without a feed disappears.
func (b *Business) Delete(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	if c.export == "" {
		return b.end(c, id, "deleted", func(s *state) { s.Removed = true })
	}
	if c.alwaysActive {
		return fmt.Errorf("delete %s %d: records of this log cannot be deleted", entity, id)
	}
	event := "updated"
	if c.inactiveIsDeleted {
		event = "deleted"
	}
	return b.end(c, id, event, func(s *state) {
		s.Inactive = true
		if survivor := b.pick(c, (*record).isActive); c.mayBeMerged && b.random.chance(500) && survivor != nil && survivor.id != id {
			s.MergedTo = survivor.id
		}
	})
}

// Deactivate makes a record inactive. It returns an error for entities where that would
// delete it.
func (b *Business) Deactivate(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	if c.alwaysActive || c.inactiveIsDeleted {
		return fmt.Errorf("deactivate %s %d: records of this entity cannot be inactive", entity, id)
	}
	return b.end(c, id, "updated", func(s *state) { s.Inactive = true })
}

// end changes an active record.
func (b *Business) end(c *collection, id int64, event string, to func(*state)) error {
	_, err := b.change(c, event, func() (state, error) {
		r := c.find(id)
		if r == nil || !r.isActive() {
			return state{}, fmt.Errorf("%s %d: no such active record", c.name, id)
		}
		s := r.state
		to(&s)
		return s, nil
	})
	return err
}

// Restore restores a deleted or deactivated record.
func (b *Business) Restore(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	_, err = b.change(c, "updated", func() (state, error) {
		r := c.findAny(id)
		if r == nil || r.isActive() {
			return state{}, fmt.Errorf("restore %s %d: there is no such record that isGone", entity, id)
		}
		s := r.state
		s.Inactive, s.Removed, s.MergedTo = false, false, 0
		return s, nil
	})
	return err
}

// change stores the next version of a record and calls the hooks.
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

// Mutate makes n random changes to the busy entities: mostly updates, some new records, few
// deletions.
func (b *Business) Mutate(n int) {
	for range n {
		b.mu.Lock()
		c := b.loaded(b.busy[b.random.IntN(len(b.busy))])
		roll := b.random.IntN(100)
		target := b.pick(c, (*record).isActive)
		b.mu.Unlock()

		// A concurrent change may delete the record after it was picked. Then there is no
		// change this time.
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

// Run makes a few random changes every interval until ctx ends.
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

// RandomID returns the number of a random active record of an entity.
func (b *Business) RandomID(entity string) (int64, error) {
	return b.randomID(entity, "active", (*record).isActive)
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
	return 0, fmt.Errorf("%s: no %s record", entity, what)
}

// pick returns a random record that fits, nil if there is none.
func (b *Business) pick(c *collection, fits func(*record) bool) *record {
	n := c.len()
	if n == 0 {
		return nil
	}
	start := b.random.IntN(n)
	for i := range n {
		if r := c.at((start + i) % n); fits(r) {
			return r
		}
	}
	return nil
}

func (b *Business) collection(entity string) (*collection, error) {
	if c := b.loaded(entity); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("entity %q is not simulated", entity)
}
