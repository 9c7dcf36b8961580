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
		last:        census,
		dice:        dice{rand.New(rand.NewPCG(uint64(o.Seed), 0xb0551e55))},
	}
	var filling sync.WaitGroup
	for _, k := range b.world.kinds {
		c := &collection{kind: k}
		b.collections[k.Name] = c
		filling.Go(func() {
			records := make([]*record, b.world.counts[k.Name])
			for i := range records {
				records[i] = b.world.record(k, b.world.birth(k, i))
			}
			c.fill(records)
		})
	}
	filling.Wait()
	return b
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

// Delete does what users of ServiceTitan do to be rid of a record: jobs are
// deleted and from then on shown by the export feed alone, customers merged
// into another or deactivated, the rest deactivated.
func (b *Business) Delete(entity string, id int64) error {
	c, err := b.collection(entity)
	if err != nil {
		return err
	}
	event := "updated"
	if c.deleted(&record{state: state{Inactive: true}}) {
		event = "deleted"
	}
	_, err = b.change(c, event, func() (state, error) {
		r := c.find(id)
		if r == nil || r.Inactive {
			return state{}, fmt.Errorf("delete %s %d: there is no such active record", entity, id)
		}
		s := r.state
		s.Inactive = true
		if survivor := b.pick(c); c.merges && b.dice.chance(500) && survivor != nil && survivor.id != id {
			s.MergedTo = survivor.id
		}
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
	b.journal.append(c.Name, s)
	hooks := b.hooks
	b.mu.Unlock()

	for _, hook := range hooks {
		hook(Change{Entity: c.Name, ID: r.id, Event: c.singular + "." + event, At: s.Modified.time(), Record: r.body})
	}
	return r.id, nil
}

// Mutate lets n things happen at random: mostly updates, some new records, a
// few deletions.
func (b *Business) Mutate(n int) {
	for range n {
		b.mu.Lock()
		c := b.collections[b.world.kinds[b.dice.IntN(len(b.world.kinds))].Name]
		roll := b.dice.IntN(100)
		target := b.pick(c)
		b.mu.Unlock()

		// Between picking and changing somebody else may delete the record:
		// then nothing happens this time.
		switch {
		case target == nil || roll < 20:
			_, _ = b.Create(c.Name)
		case roll < 25:
			_ = b.Delete(c.Name, target.id)
		default:
			_ = b.Update(c.Name, target.id)
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
	c, err := b.collection(entity)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.pick(c); r != nil {
		return r.id, nil
	}
	return 0, fmt.Errorf("%s: there is no active record", entity)
}

// pick picks an active record, nil where there is none: at random, and where
// inactive ones are in the way the next active one.
func (b *Business) pick(c *collection) *record {
	n := c.len()
	if n == 0 {
		return nil
	}
	start := b.dice.IntN(n)
	for i := range n {
		if r := c.at((start + i) % n); !r.Inactive {
			return r
		}
	}
	return nil
}

func (b *Business) collection(entity string) (*collection, error) {
	if c, ok := b.collections[entity]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("entity %q is not simulated", entity)
}
