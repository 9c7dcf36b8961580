package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

// Source is the CloudEvents source of everything lazisync publishes, whichever
// process does: consumers dedupe by (source, id), so that the same outcome told
// twice, by a worker and by the reconciler, is one.
const Source = "/lazisync"

// requestsPerEvent is how many requests one event names; more go out in parts.
const requestsPerEvent = 500

// CommonData is what every event about the run says.
func (r Run) CommonData() events.RunData {
	data := events.RunData{
		TenantID: r.TenantID, Mode: r.Mode, WorkflowID: r.WorkflowID, RunID: r.FirstRunID, RunNumber: r.Number,
		Entities: r.Entities,
	}
	for _, q := range r.Requests {
		data.Requests = append(data.Requests, events.RequestRef{RequestID: q.ID, Source: q.Source, ID: q.EventID})
	}
	return data
}

// Traceparent is that of the first request that has one.
func (r Run) Traceparent() string {
	for _, q := range r.Requests {
		if q.Traceparent != "" {
			return q.Traceparent
		}
	}
	return ""
}

// Notify lists the channels to tell of the run's outcome: the union over its
// requests. A full or rebuild is told by default and a failure always, unless the
// request said false.
func (r Run) Notify() []string {
	var channels []string
	for _, q := range r.Requests {
		told := r.Mode != events.Incremental || r.State == Failed
		if q.Notify != nil {
			told = *q.Notify
		}
		if told && q.Channel != "" && !slices.Contains(channels, q.Channel) {
			channels = append(channels, q.Channel)
		}
	}
	return channels
}

// OutcomeType is the event that tells of a run in this state.
func (s RunState) OutcomeType() (events.Type[events.OutcomeData], error) {
	switch s {
	case Completed:
		return events.Completed, nil
	case Failed:
		return events.Failed, nil
	case Cancelled:
		return events.Cancelled, nil
	}
	return events.Type[events.OutcomeData]{}, fmt.Errorf("a run that is %q has no outcome", s)
}

// OutcomeEvents are the events that tell how the run ended: the same ones whoever
// asks, for as long as the ledger keeps the run.
func (r Run) OutcomeEvents() ([]events.Event, error) {
	t, err := r.State.OutcomeType()
	if err != nil {
		return nil, fmt.Errorf("run %d: %w", r.Number, err)
	}
	return tell(r, t, r.FinishedAt, "", func(common events.RunData, part, parts int) events.OutcomeData {
		return events.OutcomeData{
			RunData: common, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
			Results: r.Results, Notify: r.Notify(), Error: r.Error, Reason: r.Reason,
			Part: part, Parts: parts,
		}
	})
}

// StartedEvents are the events that tell that the run began.
func (r Run) StartedEvents() ([]events.Event, error) {
	return tell(r, events.Started, r.StartedAt, "", func(common events.RunData, part, parts int) events.StartedData {
		return events.StartedData{RunData: common, Part: part, Parts: parts}
	})
}

// ControlledEvents are the events that tell that the run was paused or resumed for
// the n-th time.
func (r Run) ControlledEvents(paused bool, n int, at time.Time, reason, actor string) ([]events.Event, error) {
	t := events.Resumed
	if paused {
		t = events.Paused
	}
	return tell(r, t, at, fmt.Sprintf("/%d", n), func(common events.RunData, part, parts int) events.ControlledData {
		return events.ControlledData{RunData: common, Reason: reason, Actor: actor, Part: part, Parts: parts}
	})
}

// tell makes one event, or several numbered parts where the requests do not fit one.
func tell[T any](r Run, t events.Type[T], at time.Time, suffix string, data func(common events.RunData, part, parts int) T) ([]events.Event, error) {
	common := r.CommonData()
	chunks := slices.Collect(slices.Chunk(common.Requests, requestsPerEvent))
	if len(chunks) == 0 {
		chunks = [][]events.RequestRef{nil}
	}
	var out []events.Event
	for i, chunk := range chunks {
		id := fmt.Sprintf("%d/%s%s", r.Number, t.Name, suffix)
		part, parts := 0, 0
		if len(chunks) > 1 {
			part, parts = i+1, len(chunks)
			id = fmt.Sprintf("%s/%d", id, part)
		}
		common.Requests = chunk
		e, err := t.New(events.Attributes{
			ID: id, Source: Source, Subject: r.WorkflowID, Time: at, TraceParent: r.Traceparent(),
		}, data(common, part, parts))
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", r.Number, err)
		}
		out = append(out, e)
	}
	return out, nil
}
