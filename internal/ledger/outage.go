package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// Names lists the entities of the outage.
func (o Outage) Names() []string {
	names := make([]string, len(o.Entities))
	for i, e := range o.Entities {
		names[i] = e.Entity
	}
	return names
}

// StaleEvent returns the sync.stale of the outage. Every call returns the same event.
func (o Outage) StaleEvent() (events.Event, error) {
	return o.event(events.Stale, o.OpenedAt, o.Entities)
}

// FreshEvent returns the sync.fresh of a closed outage. Every call returns the same event.
func (o Outage) FreshEvent() (events.Event, error) {
	return o.event(events.Fresh, o.ClosedAt, o.FreshEntities)
}

func (o Outage) event(t events.Type[events.FreshnessData], at time.Time, entities []OutageEntity) (events.Event, error) {
	data := events.FreshnessData{TenantID: o.TenantID, Since: o.Since.UTC(), Cause: o.Cause}
	for _, e := range entities {
		age := events.EntityAge{Entity: e.Entity, AgeSeconds: int64(e.Age / time.Second), TargetSeconds: int64(e.Target / time.Second)}
		if !e.AsOf.IsZero() {
			asOf := e.AsOf.UTC()
			age.AsOf = &asOf
		}
		data.Entities = append(data.Entities, age)
	}
	return t.New(events.Attributes{ID: o.ID + "/" + t.Name, Source: Source, Subject: events.Incremental.WorkflowID(o.TenantID, ""), Time: at.UTC()}, data)
}

// CauseFacts are what LikelyCause decides from.
type CauseFacts struct {
	Runs          []Run // of the tenant: the open ones, then the latest others
	Waiting       []Waiting
	Schedules     []Schedule
	Workers       bool   // a worker polls every task queue
	TemporalError error  // of the attempt to learn that
	SliceFailure  string // error of a page slice that is retried
}

// LikelyCause returns why the entities of the outage were not read, for people, or "" if nothing
// explains it.
func (o Outage) LikelyCause(f CauseFacts) string {
	for _, run := range f.Runs {
		if run.ReportedState() == Paused && o.isReadBy(run) {
			return fmt.Sprintf("run %d is paused", run.Number) + by(run.Pause.Actor, run.Pause.Reason)
		}
	}
	waitsForWorker := slices.ContainsFunc(f.Waiting, func(w Waiting) bool { return w.Why == WaitForWorker })
	switch {
	case f.TemporalError != nil:
		return "Temporal is unavailable"
	case f.SliceFailure != "":
		return "a run keeps failing, retrying: " + f.SliceFailure
	case !f.Workers || waitsForWorker:
		return "no worker runs"
	}
	for _, s := range f.Schedules {
		if s.TenantID == o.TenantID && s.Paused && s.Mode.Info().PerTenant && o.has(s.Entities) {
			return "schedule " + s.ScheduleID + " is paused" + by("", strings.TrimPrefix(s.Note, "paused: "))
		}
	}
	for _, run := range f.Runs {
		if !o.isReadBy(run) {
			continue
		}
		if run.State == Running {
			return fmt.Sprintf("run %d is open since %s: its worker may be down, or it has much to read", run.Number, run.StartedAt.UTC().Format(time.RFC3339))
		}
		if run.State == Failed && run.Error != nil {
			return fmt.Sprintf("run %d failed: %s: %s", run.Number, run.Error.Type, run.Error.Message)
		}
		break // the latest run says how it went
	}
	for _, e := range o.Entities {
		if e.AsOf.IsZero() {
			return e.Entity + " was never read completely: request a full sync"
		}
	}
	return ""
}

func (o Outage) isReadBy(run Run) bool {
	return o.has(run.Entities)
}

// has reports whether one of the entities is in the outage.
func (o Outage) has(entities []string) bool {
	return slices.ContainsFunc(o.Entities, func(e OutageEntity) bool { return slices.Contains(entities, e.Entity) })
}

func by(actor, reason string) (text string) {
	if actor != "" {
		text += " by " + actor
	}
	if reason != "" {
		text += ": " + reason
	}
	return text
}
