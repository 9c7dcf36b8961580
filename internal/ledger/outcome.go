package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

const (
	// Source is the source of the events that lazisync publishes.
	Source = "/lazisync"

	// WithdrawnPrefix and UnstartedPrefix are prefixes of the FirstRunID of a run that exists
	// only in the ledger: the outcome of a request that was withdrawn from its pass, or of one
	// that Temporal never had. A UUID follows, because the ids of the run's events derive from
	// it and the same request may be withdrawn again after the ledger was restored to an
	// earlier state.
	WithdrawnPrefix = "withdrawn/"
	UnstartedPrefix = "unbegun/"
)

// outcomes maps each outcome to its event.
var outcomes = map[RunState]events.Type[events.OutcomeData]{
	Completed: events.Completed,
	Failed:    events.Failed,
	Cancelled: events.Cancelled,
}

// EventType returns the CloudEvents type of the outcome, "" for a run that is not finalized.
func (s RunState) EventType() string {
	if t, ok := outcomes[s]; ok {
		return t.Name
	}
	return ""
}

// TemporalRunID returns FirstRunID, or "" if the run exists only in the ledger.
func (r Run) TemporalRunID() string {
	if strings.HasPrefix(r.FirstRunID, WithdrawnPrefix) || strings.HasPrefix(r.FirstRunID, UnstartedPrefix) {
		return ""
	}
	return r.FirstRunID
}

// EventID returns the id of an event of the run: <firstRunId>/<pass>/<type>, then one part per
// detail. Unlike the run number, it is never used again: numbers may repeat after the ledger was
// restored to an earlier state or recreated.
func (r Run) EventID(eventType string, details ...any) string {
	execution := cmp.Or(r.FirstRunID, UnstartedPrefix+r.WorkflowID) // absent in rows of earlier versions
	id := fmt.Sprintf("%s/%d/%s", execution, r.Pass, eventType)
	for _, d := range details {
		id += fmt.Sprintf("/%v", d)
	}
	return id
}

// CommonData returns the fields that every event of the run has, with all of its requests.
// StartedEvents and OutcomeEvents split long lists of requests into parts.
func (r Run) CommonData() events.RunData { return r.common(r.refs()) }

func (r Run) common(requests []events.RequestRef) events.RunData {
	return events.RunData{
		TenantID: r.TenantID, Mode: r.Mode, WorkflowID: r.WorkflowID, RunID: r.TemporalRunID(),
		RunNumber: r.Number, Refresh: r.Refresh, Entities: r.Entities, Requests: requests,
	}
}

// refs returns references to the requests.
func (r Run) refs() []events.RequestRef {
	refs := make([]events.RequestRef, len(r.Requests))
	for i, request := range r.Requests {
		refs[i] = events.RequestRef{RequestID: request.ID, Source: request.Source, ID: request.EventID}
	}
	return refs
}

// Traceparent returns that of the first request that has one: a run may serve many requests,
// but an event has one traceparent.
func (r Run) Traceparent() string {
	for _, request := range r.Requests {
		if request.Traceparent != "" {
			return request.Traceparent
		}
	}
	return ""
}

// Notify lists the channels to notify of the outcome: those of the requests that want it, each
// once.
func (r Run) Notify() []string {
	channels := []string{}
	for _, request := range r.Requests {
		if request.wantsNotification(r) && request.Channel != "" && !slices.Contains(channels, request.Channel) {
			channels = append(channels, request.Channel)
		}
	}
	return channels
}

// wantsNotification reports whether to notify of the outcome: as the request says, otherwise of
// every failure, of differences, and according to its mode.
func (r Request) wantsNotification(run Run) bool {
	if r.Notify != nil {
		return *r.Notify
	}
	differs := slices.ContainsFunc(run.Results, func(r events.Result) bool { return r.Differences.Total() > 0 })
	return run.State == Failed || differs || r.Mode.Info().NotifyByDefault
}

// StartedEvents returns the sync.started of the run.
func (r Run) StartedEvents() ([]events.Event, error) {
	return newEvents(r, events.Started, r.StartedAt, func(p part) (events.StartedData, error) {
		return events.StartedData{RunData: p.common, Part: p.number, Parts: p.of}, nil
	})
}

// ControlledEvents returns the sync.paused or sync.resumed of the run. The ordinal counts the
// pauses and resumes of the run.
func (r Run) ControlledEvents(paused bool, ordinal int, at time.Time, reason, actor string) ([]events.Event, error) {
	t := events.Resumed
	if paused {
		t = events.Paused
	}
	return newEvents(r, t, at, func(p part) (events.ControlledData, error) {
		return fit(events.ControlledData{RunData: p.common, Reason: reason, Actor: actor, Part: p.number, Parts: p.of}, shortControlled)
	}, ordinal)
}

// OutcomeEvents returns the outcome of the run. Every call returns the same events, so that
// publishing them again has no effect. Texts and lists that do not fit an event are shortened.
func (r Run) OutcomeEvents() ([]events.Event, error) {
	outcome, ok := outcomes[r.State]
	if !ok {
		return nil, fmt.Errorf("create the outcome of run %d: state %q is not an outcome", r.Number, r.State)
	}
	return newEvents(r, outcome, r.FinishedAt, func(p part) (events.OutcomeData, error) {
		data := events.OutcomeData{
			RunData: p.common, StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt.UTC(),
			Results: r.Results, Error: r.Error, Reason: r.Reason, Part: p.number, Parts: p.of,
		}
		if p.number <= 1 { // notify once, not once per part
			data.Notify = r.Notify()
		}
		return fit(data, shortOutcome)
	})
}

// part is one of the events that together name all requests of a run. number and of are 0 if
// there is a single event.
type part struct {
	common     events.RunData
	number, of int
}

// newEvents creates the events of one type for a run, in as many parts as its requests need.
// Their ids derive from the run and the details, which distinguish events that may occur several
// times in a run.
func newEvents[T any](r Run, t events.Type[T], at time.Time, data func(part) (T, error), details ...any) ([]events.Event, error) {
	parts := events.SplitRequests(r.refs()) // at least one, even if every request was withdrawn
	created := make([]events.Event, len(parts))
	for i, requests := range parts {
		p, id := part{common: r.common(requests)}, r.EventID(t.Name, details...)
		if len(parts) > 1 {
			p.number, p.of = i+1, len(parts)
			id = fmt.Sprintf("%s/%d", id, p.number)
		}
		payload, err := data(p)
		var event events.Event
		if err == nil {
			event, err = t.New(events.Attributes{
				ID: id, Source: Source, Subject: r.WorkflowID, Time: at.UTC(), TraceParent: r.Traceparent(),
			}, payload)
		}
		if err != nil {
			return nil, fmt.Errorf("create %s of run %d: %w", t.Name, r.Number, err)
		}
		created[i] = event
	}
	return created, nil
}
