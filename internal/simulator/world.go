package simulator

import (
	"math/rand/v2"
	"time"

	"github.com/lazi/lazisync/internal/entity"
)

// The first records were made between opening and census, and last changed
// before census: fixed moments, so that a seed makes the same bytes on any day.
var (
	opening = ticksOf(time.Date(2019, 1, 7, 8, 0, 0, 0, time.UTC))
	census  = ticksOf(time.Date(2025, 6, 30, 18, 0, 0, 0, time.UTC))
)

// idStep keeps room between ids: they are neither dense nor evenly spaced.
const idStep = 9

// quarter is the time between changes in bulk.
const quarter = 91 * 24 * time.Hour

// kind is how one entity is simulated. Another entity is another line in allKinds.
type kind struct {
	entity.Entity
	singular string // in webhook event types
	firstID  int64
	sorts    []string // fields that the list can be sorted by
	inactive int      // so many of a thousand first records are not active
	dateless int      // so many of a thousand have a null modifiedOn
	merges   bool     // a record goes by being merged into another
	write    func(*pen, *world, *record)
}

// allKinds is everything that is simulated, in the order of the catalogue.
func allKinds() []*kind {
	byTime := []string{"Id", "ModifiedOn", "CreatedOn"}
	return []*kind{
		{Entity: mustFind("customers"), singular: "customer", firstID: 48_200_000, sorts: byTime, inactive: 20, merges: true, write: writeCustomer},
		{Entity: mustFind("jobs"), singular: "job", firstID: 190_300_000, sorts: append(byTime[:3:3], "Priority"), inactive: 10, write: writeJob},
		{Entity: mustFind("invoices"), singular: "invoice", firstID: 390_300_000, sorts: byTime, inactive: 10, dateless: 5, write: writeInvoice},
		{Entity: mustFind("estimates"), singular: "estimate", firstID: 590_300_000, sorts: byTime, inactive: 20, write: writeEstimate},
	}
}

func mustFind(name string) entity.Entity {
	e, ok := entity.Find(name)
	if !ok {
		panic("simulator: not in the catalogue: " + name)
	}
	return e
}

// deleted says whether the record no longer exists for its users.
func (k *kind) deleted(r *record) bool { return r.Inactive && k.Inactive == entity.Deleted }

// world is what all records are made from.
type world struct {
	seed   uint64
	kinds  []*kind
	counts map[string]int // first records by entity
}

func newWorld(o Options) *world {
	w := &world{seed: uint64(o.Seed), kinds: allKinds(), counts: map[string]int{}}
	for _, k := range w.kinds {
		w.counts[k.Name] = o.count(k.Name)
	}
	return w
}

// kind finds what is simulated by the name of its entity, nil where nothing is.
func (w *world) kind(name string) *kind {
	for _, k := range w.kinds {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// dice are the random choices for one record. Purpose tells several streams of
// choices for the same record apart.
func (w *world) dice(k *kind, ordinal int, purpose uint64) dice {
	return dice{rand.New(rand.NewPCG(w.seed^uint64(k.firstID)<<20, uint64(ordinal)<<16|purpose))}
}

// Purposes of dice. Those of a version are forVersion + version.
const (
	forID uint64 = iota
	forBirth
	forTraits // what stays the same all its life
	forVersion
)

func (w *world) id(k *kind, ordinal int) int64 {
	return k.firstID + int64(ordinal)*idStep + w.dice(k, ordinal, forID).Int64N(idStep)
}

// birth is the state of one of the first records.
func (w *world) birth(k *kind, ordinal int) state {
	d := w.dice(k, ordinal, forBirth)
	age := ticks(float64(census-opening) * float64(ordinal) / float64(w.counts[k.Name]))
	s := state{Ordinal: ordinal, Created: opening + age, Modified: census}
	s.Created += ticks(d.Int64N(int64(time.Minute / 100)))

	// Most records rest soon after they were made, a few change years later.
	if left := float64(census - s.Created); left > 0 {
		u := d.Float64()
		s.Modified = s.Created + ticks(left*u*u*u)
	}
	if d.chance(30) { // changed in bulk: many share one moment
		s.Modified = min(census, ticksOf(s.Modified.time().Truncate(quarter).Add(quarter)))
	}
	s.Inactive = d.chance(k.inactive)
	s.Dateless = d.chance(k.dateless)
	if other := d.IntN(max(ordinal, 1)); s.Inactive && k.merges && ordinal > 0 && d.chance(500) {
		s.MergedTo = w.id(k, other)
	}
	return s
}

// record writes a state down.
func (w *world) record(k *kind, s state) *record {
	r := &record{state: s, id: w.id(k, s.Ordinal)}
	p := pen{buf: make([]byte, 0, 3072)}
	p.bare(func() { k.write(&p, w, r) })
	r.body = append(make([]byte, 0, len(p.buf)), p.buf...)
	if r.list == 0 {
		r.list = len(r.body) - 1
	}
	return r
}

// refer picks an ordinal among the first records of an entity, for one record
// to refer to another.
func (w *world) refer(name string, d dice) int { return d.IntN(max(w.counts[name], 1)) }
