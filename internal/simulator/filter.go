package simulator

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// require adds an error unless the call has one parameter of each group.
func (p *parameters) require(groups [][]string) {
	for _, group := range groups {
		given := slices.ContainsFunc(group, func(name string) bool { return p.get(name) != "" })
		if !given {
			p.bad(group[0], "One of %s is required.", strings.Join(group, ", "))
		}
	}
}

// both returns the conjunction of two filters, of which nil matches everything.
func both(a, b func(*record) bool) func(*record) bool {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(r *record) bool { return a(r) && b(r) }
}

// filter returns the filter of the list's parameters, nil if it matches everything.
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

// moments returns the filter of the bounds of a window, nil without bounds.
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

// between returns a filter by a time of a record. The lower bound is inclusive, the upper
// exclusive. A record without the time does not match.
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

// states reports whether the list returns active and inactive records.
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

// identities returns the filter of the parameter ids, nil without it.
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

// sorting returns the order of the parameter sort, nil for order by id. A list without the
// parameter has an undocumented order.
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

// compareBy compares two records by a field. Fields that the list cannot be sorted by are
// accepted and mean order by id.
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

// scattered returns a sort key that makes ids appear unordered, always in the same way.
func scattered(id int64) uint64 {
	x := uint64(id) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	return x * 0xbf58476d1ce4e5b9
}
