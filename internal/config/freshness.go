package config

import (
	"errors"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Freshness has the maximum ages that SYNC_FRESHNESS sets; 0 is off.
type Freshness struct {
	Default   time.Duration
	IsGeneral bool // Default is set for all entities
	Entities  map[string]time.Duration
}

const (
	minFreshness  = time.Second
	maxFreshness  = MaxRun
	wantFreshness = "a duration from 1s to 30d, off, or one of them per entity, such as 1h,jobs=15m,customers=off"
)

// freshness parses 1h, jobs=15m,customers=24h, off, and combinations.
func freshness(c *Config, text string) error {
	parsed := Freshness{Default: defaultFreshness, Entities: map[string]time.Duration{}}
	for part := range strings.SplitSeq(text, ",") {
		name, age, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			name, age = "", name
		}
		d, err := maxAge(strings.TrimSpace(age))
		if err != nil {
			return err
		}
		name = strings.TrimSpace(name)
		_, repeated := parsed.Entities[name]
		switch {
		case !named && parsed.IsGeneral:
			return errors.New(wantFreshness + ": only one without an entity")
		case !named:
			parsed.Default, parsed.IsGeneral = d, true
		case repeated:
			return errors.New(wantFreshness + ": each entity once, and " + name + " is there twice")
		default:
			if _, known := entity.Find(name); !known {
				return errors.New(wantFreshness + ": unknown entity " + name)
			}
			parsed.Entities[name] = d
		}
	}
	c.Sync.Freshness = parsed
	return nil
}

const defaultFreshness = time.Hour

func maxAge(text string) (time.Duration, error) {
	if text == Off {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < minFreshness || d > maxFreshness {
		return 0, errors.New(wantFreshness)
	}
	return d, nil
}

// FreshnessTargets returns the largest age of each entity that is evaluated, by tenant.
//
// An age that SYNC_FRESHNESS sets for all entities applies to every configured one, and an age of one
// entity to that entity. If it sets none for all, an entity may be at least as old as two intervals of
// the schedule that keeps it fresh, so that a schedule that works makes nothing stale. An entity
// without a schedule is not evaluated then.
func (c *Config) FreshnessTargets() map[events.TenantID]map[string]time.Duration {
	isSet := c.Sync.Freshness.IsGeneral && c.Value("SYNC_FRESHNESS").From != "default"
	targets := map[events.TenantID]map[string]time.Duration{}
	for _, t := range c.Tenants {
		targets[t.ID] = map[string]time.Duration{}
		intervals := t.intervals()
		for _, name := range t.Entities {
			age := c.Sync.Freshness.Default
			if interval, scheduled := intervals[name]; !isSet && scheduled {
				age = max(age, 2*interval)
			} else if !isSet {
				age = 0
			}
			if age > 0 {
				targets[t.ID][name] = age
			}
		}
		for name, age := range c.Sync.Freshness.Entities {
			targets[t.ID][name] = age
			if age == 0 {
				delete(targets[t.ID], name)
			}
		}
	}
	return targets
}

// intervals returns, by entity, the longest time between two scheduled incremental reads or, for
// entities without those, full reads. Entities without a schedule are absent.
func (t Tenant) intervals() map[string]time.Duration {
	longest := map[string]time.Duration{}
	byCron := map[string]time.Duration{} // lines of modes are often the same
	for _, mode := range []events.Mode{events.Incremental, events.Full} {
		for _, s := range t.Schedules() {
			spec, err := parseCron(s.Cron)
			if s.Mode != mode || err != nil { // off
				continue
			}
			if _, known := byCron[s.Cron]; !known {
				byCron[s.Cron] = spec.longestInterval()
			}
			interval := byCron[s.Cron]
			if mode == events.Incremental {
				interval = max(interval, 2*t.MinInterval) // passes of refreshes may take turns with those of others
			}
			for _, name := range s.Entities {
				if _, isIncremental := longest[name]; !isIncremental {
					longest[name] = interval
				}
			}
		}
	}
	return longest
}

// longestInterval returns the longest time between two due times within five weeks, five weeks if
// there are not two.
func (s cronSpec) longestInterval() (longest time.Duration) {
	const window = 35 * 24 * time.Hour
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var last time.Time
	for at := first; at.Before(first.Add(window)); at = at.Add(time.Minute) {
		if !s.due(at) {
			continue
		}
		if !last.IsZero() {
			longest = max(longest, at.Sub(last))
		}
		last = at
	}
	if longest == 0 {
		return window
	}
	return longest
}
