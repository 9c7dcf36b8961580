package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// ReadTimes are the facts from which EvaluateFreshness decides. Now is the clock of PostgreSQL, so
// that every process has the same result.
type ReadTimes struct {
	Now      time.Time
	Entities []ReadTime
}

// ReadTime says how recent the data of an entity are, and how old they may be.
type ReadTime struct {
	TenantID    events.TenantID
	Entity      string
	AsOf        time.Time     // ServiceTitan's clock at the start of the last complete read; zero for never
	Target      time.Duration // 0: the entity is not evaluated
	TargetSince time.Time     // since when the entity is evaluated; zero if it is not
}

// Freshness is the freshness of an entity.
type Freshness struct {
	TenantID events.TenantID
	Entity   string
	AsOf     time.Time     // zero if it was never read completely
	Age      time.Duration // since AsOf or, if that is zero, since the entity is evaluated
	Target   time.Duration // 0: the entity is not evaluated
	Stale    bool
	Since    time.Time // when it became stale; zero if it is not
}

// EvaluateFreshness returns the freshness of every entity, in order. An entity is stale when its age
// exceeds its target. The age of one that was never read counts from when it got its target, so that
// a first run that never happens is noticed, too.
func EvaluateFreshness(facts ReadTimes) []Freshness {
	freshness := make([]Freshness, len(facts.Entities))
	for i, e := range facts.Entities {
		v := Freshness{TenantID: e.TenantID, Entity: e.Entity, AsOf: e.AsOf, Target: e.Target}
		from := e.AsOf
		if from.IsZero() {
			from = e.TargetSince
		}
		if !from.IsZero() {
			v.Age = max(0, facts.Now.Sub(from))
			if v.Stale = e.Target > 0 && v.Age > e.Target; v.Stale {
				v.Since = from.Add(e.Target)
			}
		}
		freshness[i] = v
	}
	return freshness
}

// Outage is a time in which entities of a tenant are stale.
type Outage struct {
	ID       string // part of the ids of its events; never used again
	TenantID events.TenantID
	Entities []OutageEntity // as they were when the outage was opened
	Since    time.Time      // when the first of them became stale
	Cause    string         // the likely one, "" if unknown
	OpenedAt time.Time

	ClosedAt      time.Time      // zero while one of the entities is stale
	FreshEntities []OutageEntity // as they were when the outage was closed

	StalePublished bool
	FreshPublished bool
}

// OutageEntity is the freshness of one entity at the beginning or the end of an outage.
type OutageEntity struct {
	Entity string
	AsOf   time.Time `json:",omitzero"` // zero if it was never read completely
	Age    time.Duration
	Target time.Duration
}

// maxSettle is the longest time that a stale entity waits to be reported with others.
const maxSettle = time.Minute

// UpdateOutages decides, from the freshness of all entities, which outages to open and to close.
// open are the outages that are not closed; the returned ones have no ID and cause yet.
//
// Entities that become stale together are one outage: a stale entity is reported a tenth of its
// target, at most a minute, after it became stale, with every other stale one of its tenant. An
// outage closes when none of its entities is stale. An entity that is not evaluated any more is
// not stale.
func UpdateOutages(now time.Time, freshness []Freshness, open []Outage) (opened, closed []Outage) {
	type key struct {
		tenant events.TenantID
		entity string
	}
	current, reported := map[key]Freshness{}, map[key]bool{}
	for _, v := range freshness {
		current[key{v.TenantID, v.Entity}] = v
	}
	for _, o := range open {
		stale := false
		o.FreshEntities = nil
		for _, e := range o.Entities {
			k := key{o.TenantID, e.Entity}
			reported[k] = true
			v := current[k]
			stale = stale || v.Stale
			o.FreshEntities = append(o.FreshEntities, OutageEntity{e.Entity, v.AsOf, v.Age, v.Target})
		}
		if !stale {
			o.ClosedAt = now
			closed = append(closed, o)
		}
	}
	due := map[events.TenantID]bool{}
	for _, v := range freshness {
		if v.Stale && !reported[key{v.TenantID, v.Entity}] && now.Sub(v.Since) >= min(v.Target/10, maxSettle) {
			due[v.TenantID] = true
		}
	}
	position := map[events.TenantID]int{}
	for _, v := range freshness {
		if !v.Stale || reported[key{v.TenantID, v.Entity}] || !due[v.TenantID] {
			continue
		}
		i, begun := position[v.TenantID]
		if !begun {
			i = len(opened)
			position[v.TenantID] = i
			opened = append(opened, Outage{TenantID: v.TenantID, Since: v.Since, OpenedAt: now})
		}
		o := &opened[i]
		o.Entities = append(o.Entities, OutageEntity{v.Entity, v.AsOf, v.Age, v.Target})
		if v.Since.Before(o.Since) {
			o.Since = v.Since
		}
	}
	return opened, closed
}
