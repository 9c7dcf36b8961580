package simulator

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
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

// world is what all records are made from.
type world struct {
	seed   uint64
	kinds  []*kind
	byName map[string]*kind
	counts map[string]int // first records by entity
}

func newWorld(o Options) *world {
	w := &world{seed: uint64(o.Seed), kinds: kinds(), byName: map[string]*kind{}, counts: map[string]int{}}
	for _, k := range w.kinds {
		w.byName[k.name] = k
		w.counts[k.name] = o.count(k)
	}
	return w
}

// kind finds what is simulated by the name of its entity, nil where nothing is.
func (w *world) kind(name string) *kind { return w.byName[name] }

// founded is how many records the company began with, by entity: of the core,
// and of others where it is not the usual number.
func (w *world) founded() map[string]int {
	counts := map[string]int{}
	for _, k := range w.kinds {
		if n := w.counts[k.name]; k.core || n != fewRecords {
			counts[k.name] = n
		}
	}
	return counts
}

// core are the four entities that there are many of.
func (w *world) core() []string {
	var names []string
	for _, k := range w.kinds {
		if k.core {
			names = append(names, k.name)
		}
	}
	return names
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
	if k.idOf != nil {
		return k.idOf(w, ordinal)
	}
	return k.firstID + int64(ordinal)*idStep + w.dice(k, ordinal, forID).Int64N(idStep)
}

// birth is the state of one of the first records.
func (w *world) birth(k *kind, ordinal int) state {
	d := w.dice(k, ordinal, forBirth)
	age := ticks(float64(census-opening) * float64(ordinal) / float64(w.counts[k.name]))
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
	if k.write == nil {
		return w.fieldRecord(k, r)
	}
	r.body = row(func(p *pen) { k.write(p, w, r) })
	if k.listed != nil {
		r.listed = row(func(p *pen) { k.listed(p, w, r) })
	}
	if r.list == 0 {
		r.list = len(r.body) - 1
	}
	return r
}

// fieldRecord writes down a record that is written from its kind's fields.
func (w *world) fieldRecord(k *kind, r *record) *record {
	r.body = row(func(p *pen) { w.fields(p, k, r, listOnly) })
	r.list = len(r.body) - 1
	if slices.ContainsFunc(k.form, func(f field) bool { return f.in != everywhere }) {
		r.listed = row(func(p *pen) { w.fields(p, k, r, exportOnly) })
	}
	if k.key != nil {
		values := make([]string, len(k.key))
		for i, path := range k.key {
			values[i] = r.value(path)
		}
		r.key = strings.Join(values, "/")
	}
	return r
}

func row(write func(*pen)) []byte {
	p := pen{buf: make([]byte, 0, 3072)}
	p.bare(func() { write(&p) })
	return append(make([]byte, 0, len(p.buf)), p.buf...)
}

// refer picks an ordinal among the first records of an entity, for one record
// to refer to another.
func (w *world) refer(name string, d dice) int { return d.IntN(max(w.counts[name], 1)) }
