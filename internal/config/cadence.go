package config

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Cadence has the lines of a schedule variable; none if it is off.
type Cadence []CadenceLine

// CadenceLine is one line: a cron expression and the entities that it reads. A line without
// entities reads those that no other line of its variable names. At most one line of a variable
// has none.
type CadenceLine struct {
	Cron     string
	Entities []string
}

// String returns the text of the variable.
func (c Cadence) String() string {
	if len(c) == 0 {
		return Off
	}
	lines := make([]string, len(c))
	for i, l := range c {
		lines[i] = strings.TrimSuffix(l.Cron+" "+strings.Join(l.Entities, ","), " ")
	}
	return strings.Join(lines, lineSeparator)
}

const (
	lineSeparator = ";"
	wantSchedule  = wantCron + ", or off"
	wantLines     = "lines separated by semicolons, each " + wantCron + " and entities, or off"
)

// schedule parses off, a cron expression, or several lines.
func schedule(field func(*Config) *Cadence) setter {
	return func(c *Config, text string) (err error) {
		*field(c), err = parseCadence(text)
		return err
	}
}

// parseCadence parses off, a cron expression without entities, or several lines of a cron
// expression and entities. Whether the tenant has the entities is checked later, see
// cadenceProblems.
func parseCadence(text string) (Cadence, error) {
	if text == Off {
		return nil, nil
	}
	parts := strings.Split(text, lineSeparator)
	if cron, names := splitLine(text); len(parts) == 1 && names == "" {
		if _, err := parseCron(cron); err != nil {
			detail, _ := errors.AsType[cronError](err)
			return nil, errors.New(wantSchedule + string(detail))
		}
		return Cadence{{Cron: cron}}, nil
	}
	cadence := Cadence{}
	lineOf := map[string]int{} // by entity, "" for a line without entities
	var problems []string
	for i, part := range parts {
		line, err := parseLine(part)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", i+1, err))
			continue
		}
		for _, name := range line.claims() {
			if first, claimed := lineOf[name]; claimed {
				problems = append(problems, fmt.Sprintf("line %d: %s", i+1, claimedTwice(name, first)))
				continue
			}
			lineOf[name] = i + 1
		}
		cadence = append(cadence, line)
	}
	if len(problems) > 0 {
		return nil, errors.New(wantLines + "; " + strings.Join(problems, "; "))
	}
	return cadence, nil
}

// claims lists the entities that the line names, "" if it has none.
func (l CadenceLine) claims() []string {
	if len(l.Entities) == 0 {
		return []string{""}
	}
	return l.Entities
}

func claimedTwice(name string, first int) string {
	if name == "" {
		return fmt.Sprintf("got no entities, like line %d, want at most one line without entities", first)
	}
	return fmt.Sprintf("got %q, which line %d names, want each entity in one line", name, first)
}

// parseLine parses a cron expression of five fields, and names of entities behind it.
func parseLine(text string) (CadenceLine, error) {
	cron, names := splitLine(text)
	if _, err := parseCron(cron); err != nil {
		return CadenceLine{}, fmt.Errorf("got %q, want %w", cron, err)
	}
	if names == "" {
		return CadenceLine{Cron: cron}, nil
	}
	entities, err := events.SplitEntities(names)
	if err != nil {
		return CadenceLine{}, err
	}
	var unknown []error
	for _, e := range events.CheckEntities(entities, entity.Names()) {
		unknown = append(unknown, fmt.Errorf("got %s, want %s", e.Got, e.Want))
	}
	if len(unknown) > 0 {
		return CadenceLine{}, errors.New(strings.ReplaceAll(errors.Join(unknown...).Error(), "\n", "; "))
	}
	return CadenceLine{Cron: cron, Entities: entities}, nil
}

// splitLine splits a line into its cron expression and the names behind it, with single blanks. A
// sixth field that cannot be a name belongs to the cron expression, which then has too many.
func splitLine(text string) (cron, names string) {
	fields := strings.Fields(text)
	n := len(cronFields)
	if len(fields) <= n || !unicode.IsLetter(rune(fields[n][0])) {
		return strings.Join(fields, " "), ""
	}
	return strings.Join(fields[:n], " "), strings.Join(fields[n:], " ")
}

// Schedule is one schedule of a tenant.
type Schedule struct {
	TenantID events.TenantID
	Mode     events.Mode
	Group    string // the first entity of a line that names entities, else ""
	Cron     string // five fields, or Off
	// Entities are those that the schedule reads.
	Entities []string
	// All reports that the schedule reads all entities of the tenant, because its variable names none.
	All bool
}

// RunsPerDay returns how often the schedule runs a day, on average of a year; 0 if it is off.
func (s Schedule) RunsPerDay() float64 {
	spec, err := parseCron(s.Cron)
	if err != nil {
		return 0
	}
	const days = 365
	first, runs := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	for day := first; day.Before(first.AddDate(0, 0, days)); day = day.AddDate(0, 0, 1) {
		if spec.dueDay(day) {
			runs += bits.OnesCount64(spec.hour) * bits.OnesCount64(spec.minute)
		}
	}
	return float64(runs) / days
}

// Schedules lists the schedules of a tenant, mode by mode. The schedule of a mode without a group
// is always one of them, as Off if no line is without entities.
func (t Tenant) Schedules() (all []Schedule) {
	for _, m := range t.cadences() {
		hasRest := false
		for _, line := range m.lines {
			s := Schedule{TenantID: t.ID, Mode: m.mode, Cron: line.Cron, Entities: line.Entities}
			if len(line.Entities) > 0 {
				s.Group = line.Entities[0]
			} else {
				s.Entities, s.All, hasRest = m.lines.rest(t.Entities), len(m.lines) == 1, true
			}
			all = append(all, s)
		}
		if !hasRest {
			all = append(all, Schedule{TenantID: t.ID, Mode: m.mode, Cron: Off})
		}
	}
	return all
}

// modeCadence is the cadence of a mode.
type modeCadence struct {
	mode  events.Mode
	field string // its name in the tenants file
	lines Cadence
}

func (t Tenant) cadences() []modeCadence {
	return []modeCadence{
		{events.Incremental, "scheduleIncremental", t.ScheduleIncremental},
		{events.Full, "scheduleFull", t.ScheduleFull},
		{events.Verify, "scheduleVerify", t.ScheduleVerify},
	}
}

// rest lists the entities that no line names, in their order.
func (c Cadence) rest(entities []string) (rest []string) {
	for _, name := range entities {
		if !slices.ContainsFunc(c, func(l CadenceLine) bool { return slices.Contains(l.Entities, name) }) {
			rest = append(rest, name)
		}
	}
	return rest
}

// cadenceProblems returns a problem for each line that names an entity that the tenant does not
// sync, or that reads no entity. where begins a problem with the variable or field of a schedule;
// list is the variable or field with the entities.
func (t Tenant) cadenceProblems(where func(field string) string, list string) (problems Problems) {
	if len(t.Entities) == 0 {
		return nil // invalid, which is reported already
	}
	for _, m := range t.cadences() {
		for i, line := range m.lines {
			at := where(m.field) + fmt.Sprintf("line %d: ", i+1)
			for _, name := range line.Entities {
				if !slices.Contains(t.Entities, name) {
					problems = append(problems, at+fmt.Sprintf("got %q, which %s does not list, want one of %s", name, list, strings.Join(t.Entities, ", ")))
				}
			}
			if len(line.Entities) == 0 && len(m.lines.rest(t.Entities)) == 0 {
				problems = append(problems, at+fmt.Sprintf("got no entities, and other lines name every entity of %s: want entities, or no such line", list))
			}
		}
	}
	return problems
}
