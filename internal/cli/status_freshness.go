package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/ledger"
)

// ageOf returns the freshness of the entity of a state.
func (s status) ageOf(of ledger.EntityState) ledger.Freshness {
	for _, v := range s.ages {
		if v.TenantID == of.TenantID && v.Entity == of.Entity {
			return v
		}
	}
	return ledger.Freshness{}
}

// addFreshness adds the freshness of a tenant, "" for all, and a state for every entity that is
// evaluated and has none.
func (s *status) addFreshness(tenant events.TenantID, ages []ledger.Freshness, open []ledger.Outage) {
	for _, v := range ages {
		if tenant != "" && v.TenantID != tenant {
			continue
		}
		s.ages = append(s.ages, v)
		hasState := slices.ContainsFunc(s.states, func(e ledger.EntityState) bool { return e.TenantID == v.TenantID && e.Entity == v.Entity })
		if v.Target > 0 && !hasState {
			s.states = append(s.states, ledger.EntityState{TenantID: v.TenantID, Entity: v.Entity})
		}
	}
	slices.SortStableFunc(s.states, func(a, b ledger.EntityState) int {
		return cmp.Or(cmp.Compare(a.TenantID, b.TenantID), cmp.Compare(a.Entity, b.Entity))
	})
	s.outages = slices.DeleteFunc(slices.Clone(open), func(o ledger.Outage) bool { return tenant != "" && o.TenantID != tenant })
}

// staleLines returns a line for the stale entities of each open outage, with its likely cause, and
// one for those of a tenant that the bridge has not reported.
func (s status) staleLines(now time.Time) (lines []string) {
	stale := func(tenant events.TenantID, entity string) bool {
		return s.ageOf(ledger.EntityState{TenantID: tenant, Entity: entity}).Stale
	}
	line := func(o ledger.Outage) {
		o.Entities = slices.DeleteFunc(o.Entities, func(e ledger.OutageEntity) bool { return !stale(o.TenantID, e.Entity) })
		if len(o.Entities) == 0 {
			return
		}
		next := "check with: lazisync doctor"
		if o.Cause != "" {
			next = "likely cause: " + display.OneLine(o.Cause)
		}
		lines = append(lines, fmt.Sprintf("tenant %s: %s stale for %s; %s", o.TenantID, strings.Join(o.Names(), ", "), span(now.Sub(o.Since)), next))
	}
	type key struct {
		tenant events.TenantID
		entity string
	}
	reported := map[key]bool{}
	for _, o := range s.outages {
		o.Entities = slices.Clone(o.Entities)
		for _, e := range o.Entities {
			reported[key{o.TenantID, e.Entity}] = true
		}
		line(o)
	}
	var others []ledger.Outage // by tenant
	for _, v := range s.ages {
		if !v.Stale || reported[key{v.TenantID, v.Entity}] {
			continue
		}
		if n := len(others); n == 0 || others[n-1].TenantID != v.TenantID {
			others = append(others, ledger.Outage{TenantID: v.TenantID, Since: v.Since})
		}
		o := &others[len(others)-1]
		o.Entities = append(o.Entities, ledger.OutageEntity{Entity: v.Entity})
		if v.Since.Before(o.Since) {
			o.Since = v.Since
		}
	}
	for _, o := range others {
		line(o)
	}
	return lines
}

// ageText returns the age and the target, such as "14 min of 1 h".
func ageText(v ledger.Freshness) string {
	text := span(v.Age)
	switch {
	case v.AsOf.IsZero() && !v.Stale:
		return ""
	case v.Target > 0:
		text += " of " + span(v.Target)
	}
	if v.Stale {
		text += ", stale"
	}
	return text
}

// span returns a duration in at most two units, rounded down.
func span(d time.Duration) string {
	units := func(first int, unit string, rest int, smaller string) string {
		if rest == 0 {
			return fmt.Sprintf("%d %s", first, unit)
		}
		return fmt.Sprintf("%d %s %d %s", first, unit, rest, smaller)
	}
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return units(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return units(int(d.Hours()/24), "days", int(d.Hours())%24, "h")
}
