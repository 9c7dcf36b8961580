package ledger

import (
	"sync"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// IsRefresh reports whether the request reads chosen records of its entity.
func (r Request) IsRefresh() bool { return len(r.IDs) > 0 || r.Since != nil }

// Refreshes returns which refreshes are possible, by entity, for the validation of requests. Callers
// must not change the map.
var Refreshes = sync.OnceValue(func() map[string]events.Refreshable {
	all := make(map[string]events.Refreshable, len(entity.Catalogue))
	for _, e := range entity.Catalogue {
		all[e.Name] = refreshable(e)
	}
	return all
})

// refreshable returns which refreshes of an entity are possible, and for one that is not, why and what to request
// instead.
func refreshable(e entity.Entity) events.Refreshable {
	r := events.Refreshable{Numeric: e.Key == entity.Int64ID}
	const whole = "a request for the whole entity"
	if !e.RefreshesByID() {
		r.NoIDs = whole
		if e.RefreshesSince() {
			r.NoIDs = "since, or " + whole
		}
		switch {
		case e.List == "":
			r.NoIDs += ": ServiceTitan has no list of it"
		case !e.IDs:
			r.NoIDs += ": its list takes no ids"
		default:
			r.NoIDs += ": its list has other fields than its export feed"
		}
	}
	if !e.RefreshesSince() {
		r.NoSince = whole
		if e.RefreshesByID() {
			r.NoSince = "ids, or " + whole
		}
		r.NoSince += ": its list cannot be filtered by the time of a change"
	}
	return r
}
