package config

import (
	"errors"
	"fmt"
	"regexp"
	"time"
	_ "time/tzdata" // time zones for machines without them

	"github.com/lazi/lazisync/events"
)

// zoneName matches the names of the IANA time zone database. Go also loads names that depend on the
// machine: Local, localtime, posix/…, and names in another case.
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$`)

func timezone(c *Config, text string) error {
	const want = "a time zone such as America/Los_Angeles or UTC"
	if text == "Local" { // time.Local.String is UTC where there is no /etc/localtime, as in the image
		return errors.New(want + "; Local differs between machines")
	}
	zone, err := time.LoadLocation(text)
	if err != nil || !zoneName.MatchString(text) || text == "Factory" {
		return errors.New(want)
	}
	c.Defaults.Timezone = zone
	return nil
}

// clockChange is a clock change that skips or repeats a run of a schedule.
type clockChange struct {
	local   time.Time // when the schedule is due, as if it were UTC
	skipped bool      // the time is skipped, else it occurs twice
}

// clockChanges returns the first time between from and until that a schedule misses because clocks
// go forward over it, and the first at which it runs twice because they go back. A schedule that
// also runs shortly before or after is not affected.
func clockChanges(s cronSpec, zone *time.Location, from, until time.Time) (found []clockChange) {
	seen := map[bool]bool{}
	for at := from; ; {
		_, change := at.In(zone).ZoneBounds()
		if change.IsZero() || change.After(until) {
			return found
		}
		at = change
		_, before := change.Add(-time.Second).In(zone).Zone()
		_, after := change.In(zone).Zone()
		lo, hi := local(change, min(before, after)), local(change, max(before, after))
		near := max(hi.Sub(lo), time.Hour)
		skipped := after > before
		due, ok := firstDue(s, lo, hi)
		_, earlier := firstDue(s, lo.Add(-near), lo)
		_, later := firstDue(s, hi, hi.Add(near))
		if ok && !earlier && !later && !seen[skipped] {
			seen[skipped] = true
			found = append(found, clockChange{local: due, skipped: skipped})
		}
	}
}

// local returns the local time at an offset from UTC, as if it were UTC.
func local(at time.Time, offset int) time.Time {
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// firstDue returns the first minute in [lo, hi) at which a schedule is due.
func firstDue(s cronSpec, lo, hi time.Time) (time.Time, bool) {
	for at := lo.Truncate(time.Minute); at.Before(hi); at = at.Add(time.Minute) {
		if s.due(at) {
			return at, true
		}
	}
	return time.Time{}, false
}

// scheduleOutlook is the time for which schedules are compared with clock changes. Two years have
// each change of a year, also after a change of the rules.
const scheduleOutlook = 2 * 366 * 24 * time.Hour

// ScheduleWarning is the effect of a clock change on a schedule.
type ScheduleWarning struct {
	TenantID events.TenantID
	Mode     events.Mode
	Group    string // see Schedule
	Text     string
}

// ScheduleWarnings returns the effects of the clock changes of the next two years on the
// schedules of all tenants, or on those that a tenant would have where none is configured.
func (c *Config) ScheduleWarnings(now time.Time) (all []ScheduleWarning) {
	tenants := c.Tenants
	if len(tenants) == 0 {
		tenants = []Tenant{c.Defaults}
	}
	for _, t := range tenants {
		for _, s := range t.Schedules() {
			spec, err := parseCron(s.Cron)
			if err != nil { // off
				continue
			}
			for _, change := range clockChanges(spec, t.Timezone, now, now.Add(scheduleOutlook)) {
				all = append(all, ScheduleWarning{TenantID: t.ID, Mode: s.Mode, Group: s.Group, Text: change.text(s.Cron, t.Timezone)})
			}
		}
	}
	return all
}

// text returns the effect of the clock change on a schedule as a sentence.
func (c clockChange) text(cron string, zone *time.Location) string {
	day, clock := c.local.Format(time.DateOnly), c.local.Format("15:04")
	if c.skipped {
		return fmt.Sprintf("%s does not run on %s: clocks in %s go forward then, and %s does not exist", cron, day, zone, clock)
	}
	return fmt.Sprintf("%s runs twice on %s: clocks in %s go back then, and %s occurs twice", cron, day, zone, clock)
}
