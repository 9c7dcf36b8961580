package simulator

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Initial records were created and last changed between foundedTime and snapshotTime. The times
// are fixed, so that a seed generates the same bytes on any day.
var (
	foundedTime  = ticksOf(time.Date(2019, 1, 7, 8, 0, 0, 0, time.UTC))
	snapshotTime = ticksOf(time.Date(2025, 6, 30, 18, 0, 0, 0, time.UTC))
)

// idStep is the average distance between IDs, which are neither dense nor evenly spaced.
const idStep = 9

// quarter is the interval between bulk changes.
const quarter = 91 * 24 * time.Hour

// world has the data that records are generated from.
type world struct {
	seed   uint64
	kinds  []*kind
	byName map[string]*kind
	counts map[string]int // number of initial records by entity
}

func newWorld(o Options) *world {
	w := &world{seed: uint64(o.Seed), kinds: kinds(), byName: map[string]*kind{}, counts: map[string]int{}}
	for _, k := range w.kinds {
		w.byName[k.name] = k
		w.counts[k.name] = o.count(k)
	}
	return w
}

// kind returns the simulation of an entity, nil if it is not simulated.
func (w *world) kind(name string) *kind { return w.byName[name] }

// initialCounts returns the numbers of initial records by entity, for the core entities and
// for those with another number than usual.
func (w *world) initialCounts() map[string]int {
	counts := map[string]int{}
	for _, k := range w.kinds {
		if n := w.counts[k.name]; k.core || n != fewRecords {
			counts[k.name] = n
		}
	}
	return counts
}

// core returns the names of the four entities with many records.
func (w *world) core() []string {
	var names []string
	for _, k := range w.kinds {
		if k.core {
			names = append(names, k.name)
		}
	}
	return names
}

// random returns the random choices of one record. The purpose separates several sequences
// of choices for the same record.
func (w *world) random(k *kind, ordinal int, purpose uint64) random {
	return random{rand.New(rand.NewPCG(w.seed^uint64(k.firstID)<<20, uint64(ordinal)<<16|purpose))}
}

// Purposes of random choices. Those of a version are forVersion + version.
const (
	forID uint64 = iota
	forInitialState
	forTraits // choices that all versions share
	forVersion
)

func (w *world) id(k *kind, ordinal int) int64 {
	if k.idOf != nil {
		return k.idOf(w, ordinal)
	}
	return k.firstID + int64(ordinal)*idStep + w.random(k, ordinal, forID).Int64N(idStep)
}

// initialState returns the state of an initial record.
func (w *world) initialState(k *kind, ordinal int) state {
	d := w.random(k, ordinal, forInitialState)
	age := ticks(float64(snapshotTime-foundedTime) * float64(ordinal) / float64(w.counts[k.name]))
	s := state{Ordinal: ordinal, Created: foundedTime + age, Modified: snapshotTime}
	s.Created += ticks(d.Int64N(int64(time.Minute / 100)))

	// Most records change only soon after their creation, a few years later.
	if left := float64(snapshotTime - s.Created); left > 0 {
		u := d.Float64()
		s.Modified = s.Created + ticks(left*u*u*u)
	}
	if d.chance(30) { // changed in bulk: many share one time
		s.Modified = min(snapshotTime, ticksOf(s.Modified.time().Truncate(quarter).Add(quarter)))
	}
	s.Inactive = d.chance(k.inactive)
	s.Dateless = d.chance(k.dateless)
	if other := d.IntN(max(ordinal, 1)); s.Inactive && k.mayBeMerged && ordinal > 0 && d.chance(500) {
		s.MergedTo = w.id(k, other)
	}
	return s
}

// record generates the record of a state.
func (w *world) record(k *kind, s state) *record {
	r := &record{state: s, id: w.id(k, s.Ordinal)}
	if k.write == nil {
		return w.fieldRecord(k, r)
	}
	r.body = row(func(p *jsonWriter) { k.write(p, w, r) })
	if k.listed != nil {
		r.listed = row(func(p *jsonWriter) { k.listed(p, w, r) })
	}
	if r.list == 0 {
		r.list = len(r.body) - 1
	}
	return r
}

// fieldRecord generates a record from the fields of its kind.
func (w *world) fieldRecord(k *kind, r *record) *record {
	r.body = row(func(p *jsonWriter) { w.fields(p, k, r, listOnly) })
	r.list = len(r.body) - 1
	if slices.ContainsFunc(k.form, func(f field) bool { return f.in != everywhere }) {
		r.listed = row(func(p *jsonWriter) { w.fields(p, k, r, exportOnly) })
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

func row(write func(*jsonWriter)) []byte {
	p := jsonWriter{buf: make([]byte, 0, 3072)}
	p.bare(func() { write(&p) })
	return append(make([]byte, 0, len(p.buf)), p.buf...)
}

// refer returns the ordinal of a random initial record of an entity, for a reference to it.
func (w *world) refer(name string, d random) int { return d.IntN(max(w.counts[name], 1)) }
