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
	// Source is the source of every event that lazisync makes.
	Source = "/lazisync"

	// WithdrawnPrefix and UnstartedPrefix begin the FirstRunID of a run that exists only in
	// the ledger. The first holds the outcome of a request withdrawn from its pass, the
	// second that of a request that Temporal never had. A UUID follows: the ids of the
	// run's events are made of it, and the same request may be withdrawn another time
	// when the ledger was restored to an earlier state.
	WithdrawnPrefix = "withdrawn/"
	UnstartedPrefix = "unbegun/"
)

// outcomes ties each outcome to the event that tells of it.
var outcomes = map[RunState]events.Type[events.OutcomeData]{
	Completed: events.Completed,
	Failed:    events.Failed,
	Cancelled: events.Cancelled,
}

// EventType is the CloudEvents type that tells of the outcome, "" for a run
// that is not decided.
func (s RunState) EventType() string {
	if t, decided := outcomes[s]; decided {
		return t.Name
	}
	return ""
}

// TemporalRunID is FirstRunID where Temporal knows it, else "".
func (r Run) TemporalRunID() string {
	if strings.HasPrefix(r.FirstRunID, WithdrawnPrefix) || strings.HasPrefix(r.FirstRunID, UnstartedPrefix) {
		return ""
	}
	return r.FirstRunID
}

// EventID is the id of an event about the run: <firstRunId>/<pass>/<type>, then one
// part per detail. It is unique for ever, which the run's number is not: numbers may
// repeat after the ledger was restored to an earlier state or created anew.
func (r Run) EventID(eventType string, details ...any) string {
	execution := cmp.Or(r.FirstRunID, UnstartedPrefix+r.WorkflowID) // absent in rows of earlier versions
	id := fmt.Sprintf("%s/%d/%s", execution, r.Pass, eventType)
	for _, d := range details {
		id += fmt.Sprintf("/%v", d)
	}
	return id
}

// CommonData holds the fields that every event about the run carries, naming
// all its requests. Events that may name many are made in parts, by StartedEvents
// and OutcomeEvents.
func (r Run) CommonData() events.RunData { return r.common(r.refs()) }

func (r Run) common(requests []events.RequestRef) events.RunData {
	return events.RunData{
		TenantID: r.TenantID, Mode: r.Mode, WorkflowID: r.WorkflowID, RunID: r.TemporalRunID(),
		RunNumber: r.Number, Entities: r.Entities, Requests: requests,
	}
}

// refs names the requests.
func (r Run) refs() []events.RequestRef {
	refs := make([]events.RequestRef, len(r.Requests))
	for i, request := range r.Requests {
		refs[i] = events.RequestRef{RequestID: request.ID, Source: request.Source, ID: request.EventID}
	}
	return refs
}

// Traceparent is that of the first request that has one: a run serves many and
// an event carries one.
func (r Run) Traceparent() string {
	for _, request := range r.Requests {
		if request.Traceparent != "" {
			return request.Traceparent
		}
	}
	return ""
}

// Notify lists the channels to tell of the outcome: those of every request that
// wants to be told of it, each once.
func (r Run) Notify() []string {
	channels := []string{}
	for _, request := range r.Requests {
		if request.tells(r.State) && request.Channel != "" && !slices.Contains(channels, request.Channel) {
			channels = append(channels, request.Channel)
		}
	}
	return channels
}

// tells says whether people hear of the outcome: as the request says, else of
// every failure, and of anything that was not an incremental.
func (r Request) tells(outcome RunState) bool {
	if r.Notify != nil {
		return *r.Notify
	}
	return outcome == Failed || r.Mode.Info().NotifyByDefault
}

// StartedEvents tells that the run began.
func (r Run) StartedEvents() ([]events.Event, error) {
	return tell(r, events.Started, r.StartedAt, func(p part) events.StartedData {
		return events.StartedData{RunData: p.common, Part: p.number, Parts: p.of}
	})
}

// ControlledEvents tells that the run was paused or resumed. The ordinal counts the
// pauses and resumes of the run.
func (r Run) ControlledEvents(paused bool, ordinal int, at time.Time, reason, actor string) ([]events.Event, error) {
	t := events.Resumed
	if paused {
		t = events.Paused
	}
	return tellAgain(r, t, []any{ordinal}, at, func(p part) events.ControlledData {
		return events.ControlledData{RunData: p.common, Reason: reason, Actor: actor, Part: p.number, Parts: p.of}
	})
}

// OutcomeEvents tells how the run ended. The events are the same whoever makes
// them and however often, so that publishing them again changes nothing.
func (r Run) OutcomeEvents() ([]events.Event, error) {
	outcome, decided := outcomes[r.State]
	if !decided {
		return nil, fmt.Errorf("tell the outcome of run %d: got state %q, want a decided one", r.Number, r.State)
	}
	return tell(r, outcome, r.FinishedAt, func(p part) events.OutcomeData {
		data := events.OutcomeData{
			RunData: p.common, StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt.UTC(),
			Results: r.Results, Error: r.Error, Reason: r.Reason, Part: p.number, Parts: p.of,
		}
		if p.number <= 1 { // people hear of a run once, however many parts it is told in
			data.Notify = r.Notify()
		}
		return data
	})
}

// part is one of the events that together name all requests of a run. Number and
// of are 0 where a single event does.
type part struct {
	common     events.RunData
	number, of int
}

// tell makes the events of one type about a run, in as many parts as its
// requests need. Their ids are derived from the run alone.
func tell[T any](r Run, t events.Type[T], at time.Time, data func(part) T) ([]events.Event, error) {
	return tellAgain(r, t, nil, at, data)
}

// tellAgain is tell for what may happen several times in a run: details of the ids
// tell the times apart.
func tellAgain[T any](r Run, t events.Type[T], details []any, at time.Time, data func(part) T) ([]events.Event, error) {
	parts := events.SplitRequests(r.refs()) // one even where every request was withdrawn: the run is told of all the same
	told := make([]events.Event, len(parts))
	for i, requests := range parts {
		p, id := part{common: r.common(requests)}, r.EventID(t.Name, details...)
		if len(parts) > 1 {
			p.number, p.of = i+1, len(parts)
			id = fmt.Sprintf("%s/%d", id, p.number)
		}
		event, err := t.New(events.Attributes{
			ID: id, Source: Source, Subject: r.WorkflowID, Time: at.UTC(), TraceParent: r.Traceparent(),
		}, data(p))
		if err != nil {
			return nil, fmt.Errorf("tell of run %d: %w", r.Number, err)
		}
		told[i] = event
	}
	return told, nil
}
