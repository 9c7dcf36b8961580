package simulator

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// insist refuses the call unless it has one parameter of each group.
func (p *parameters) require(groups [][]string) {
	for _, group := range groups {
		given := slices.ContainsFunc(group, func(name string) bool { return p.get(name) != "" })
		if !given {
			p.bad(group[0], "One of %s is required.", strings.Join(group, ", "))
		}
	}
}

// both lets pass what both do; nil lets everything pass.
func both(a, b func(*record) bool) func(*record) bool {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(r *record) bool { return a(r) && b(r) }
}

// filter is what the list's parameters select, nil where that is everything.
func (p *parameters) filter(k *kind) func(*record) bool {
	match := p.moments(k.filter)
	if k.export == "" { // records of these may be deleted permanently
		match = both(match, func(r *record) bool { return !r.Removed })
	}
	if active, inactive := p.states(k); !active || !inactive {
		match = both(match, func(r *record) bool { return r.Inactive && inactive || !r.Inactive && active })
	}
	if k.ids {
		match = both(match, p.identities(k))
	}
	if wanted := p.list(k.filterByReference.param); wanted != nil {
		match = both(match, func(r *record) bool { return slices.Contains(wanted, r.value(k.filterByReference.field)) })
	}
	return match
}

// Bounds of absent parameters.
const (
	never  = ticks(math.MinInt64)
	always = ticks(math.MaxInt64)
)

// moments is what the bounds of a window select, nil where there are none.
func (p *parameters) moments(w window) func(*record) bool {
	var match func(*record) bool
	if w == byChange || w == byModified {
		match = p.between("modifiedOnOrAfter", "modifiedBefore", func(r *record) (ticks, bool) { return r.Modified, !r.Dateless })
	}
	created := func(r *record) (ticks, bool) { return r.Created, true }
	switch w {
	case byChange, byCreation:
		match = both(match, p.between("createdOnOrAfter", "createdBefore", created))
	case bySubmission:
		match = both(match, p.between("submittedOnOrAfter", "submittedBefore", created))
	case byUTC:
		match = both(match, p.between("fromUtc", "toUtc", created))
	}
	return match
}

// between selects by a moment that a record has: the lower bound is inclusive,
// the upper exclusive. A record that has none is outside of any bounds.
func (p *parameters) between(from, before string, at func(*record) (ticks, bool)) func(*record) bool {
	first, end := p.moment(from, never), p.moment(before, always)
	if first == never && end == always {
		return nil
	}
	return func(r *record) bool {
		t, ok := at(r)
		return ok && t >= first && t < end
	}
}

// states says which records the list shows: active, inactive or both.
func (p *parameters) states(k *kind) (active, inactive bool) {
	switch k.states {
	case activeState:
		choice := p.choice("activeState", "ActiveOnly", "InactiveOnly", "All")
		return choice != "InactiveOnly", choice != "ActiveOnly"
	case activeOnly:
		return true, !p.flag("activeOnly", true)
	case includeInactive:
		return true, p.flag("includeInactive", false)
	case noStates:
		return true, !k.inactiveIsDeleted
	case activeAny:
		choice := p.choice("active", "Any", "True", "False")
		return choice != "False", choice != "True"
	default:
		choice := p.choice("active", "True", "Any", "False")
		return choice != "False", choice != "True"
	}
}

// identities is what the parameter ids selects, nil where it is not given.
func (p *parameters) identities(k *kind) func(*record) bool {
	wanted := p.list("ids")
	if wanted == nil {
		return nil
	}
	if k.key != nil {
		return func(r *record) bool { return slices.Contains(wanted, r.identity()) }
	}
	ids := make([]int64, len(wanted))
	for i, text := range wanted {
		var err error
		if ids[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			p.notValid("ids")
		}
	}
	return func(r *record) bool { return slices.Contains(ids, r.id) }
}

// sorting is the order that sort asks for, nil for that of ids. A list that
// cannot be sorted has an order of its own.
func (p *parameters) sorting(k *kind) func(a, b *record) int {
	if k.sorts == nil {
		return func(a, b *record) int { return cmp.Compare(scattered(a.id), scattered(b.id)) }
	}
	text := p.get("sort")
	if text == "" {
		return nil
	}
	field := strings.TrimLeft(text, "+-")
	if len(field) != len(text)-1 || !slices.Contains(k.sorts, field) {
		p.bad("sort", "The value '%s' is not valid for Sort.", text)
		return nil
	}
	if text == "+Id" && k.key == nil {
		return nil
	}
	direction := 1
	if text[0] == '-' {
		direction = -1
	}
	return func(a, b *record) int { return direction * a.compareBy(field, b) }
}

// compareBy orders by a field that the list can be sorted by. Other fields than
// these are accepted and leave the order of ids.
func (r *record) compareBy(field string, other *record) int {
	switch field {
	case "ModifiedOn":
		return r.position().compare(other.position())
	case "CreatedOn", "SubmittedOn":
		return cmp.Or(cmp.Compare(r.Created, other.Created), cmp.Compare(r.id, other.id))
	default:
		return cmp.Or(cmp.Compare(r.key, other.key), cmp.Compare(r.id, other.id))
	}
}

// scattered puts ids into an order that is always the same and looks like none.
func scattered(id int64) uint64 {
	x := uint64(id) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	return x * 0xbf58476d1ce4e5b9
}
