package cli

import (
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// statusJSON returns what --json prints. Its names are public.
func statusJSON(shown status) any {
	answer := struct {
		Waiting []statusWaiting `json:"waiting"`
		Runs    []statusRun     `json:"runs"`
		States  []statusState   `json:"states"`
	}{[]statusWaiting{}, []statusRun{}, []statusState{}}
	for _, w := range shown.waiting {
		answer.Waiting = append(answer.Waiting, statusWaiting{
			w.TenantID, string(w.Mode), w.WorkflowID, w.RequestID, w.Requests, w.Entities, requesterJSON(w.RequestedBy),
			string(w.Why), w.Why.String(), timeOrNil(w.Since), timeOrNil(w.Due), w.Run, pauseJSON(w.Pause),
		})
	}
	for _, r := range shown.runs {
		answer.Runs = append(answer.Runs, runJSON(r))
	}
	for _, s := range shown.states {
		v := shown.ageOf(s)
		answer.States = append(answer.States, statusState{
			s.TenantID, s.Entity, s.Status, s.Records, timeOrNil(s.LastFullSync), timeOrNil(s.LastIncrementalSync),
			timeOrNil(v.AsOf), int64(v.Age / time.Second), int64(v.Target / time.Second), v.Stale,
		})
	}
	return answer
}

// runJSON returns what --json prints of a run.
func runJSON(r ledger.Run) statusRun {
	one := statusRun{
		r.Number, r.TenantID, string(r.Mode), string(r.ReportedState()), pauseJSON(r.Pause), r.WorkflowID, r.StartedAt,
		timeOrNil(r.FinishedAt), requesterJSON(r.RequestedBy), r.RequestCount, r.Results, nil,
	}
	if r.Error != nil {
		one.Error = r.Error
	}
	return one
}

type statusWaiting struct {
	TenantID    events.TenantID  `json:"tenantId"`
	Mode        string           `json:"mode"`
	WorkflowID  string           `json:"workflowId"`
	RequestID   string           `json:"requestId"` // of the oldest request
	Requests    int              `json:"requests"`
	Entities    []string         `json:"entities"`
	RequestedBy *statusRequester `json:"requestedBy,omitempty"`
	Why         string           `json:"why"`
	Text        string           `json:"text"`
	Since       *time.Time       `json:"since,omitempty"`
	Due         *time.Time       `json:"due,omitempty"`
	RunNumber   int64            `json:"runNumber,omitempty"` // the open pass that it waits for
	Paused      *statusPause     `json:"paused,omitempty"`
}

type statusRun struct {
	RunNumber   int64            `json:"runNumber"`
	TenantID    events.TenantID  `json:"tenantId"`
	Mode        string           `json:"mode"`
	State       string           `json:"state"`
	Paused      *statusPause     `json:"paused,omitempty"`
	WorkflowID  string           `json:"workflowId"`
	StartedAt   time.Time        `json:"startedAt"`
	FinishedAt  *time.Time       `json:"finishedAt,omitempty"`
	RequestedBy *statusRequester `json:"requestedBy,omitempty"`
	Requests    int              `json:"requests"`
	Results     any              `json:"results"`
	Error       any              `json:"error,omitempty"`
}

type statusState struct {
	TenantID            events.TenantID `json:"tenantId"`
	Entity              string          `json:"entity"`
	Status              string          `json:"status"`
	Records             int64           `json:"records"`
	LastFullSync        *time.Time      `json:"lastFullSync,omitempty"`
	LastIncrementalSync *time.Time      `json:"lastIncrementalSync,omitempty"`
	AsOf                *time.Time      `json:"asOf,omitempty"`
	AgeSeconds          int64           `json:"ageSeconds"`
	TargetSeconds       int64           `json:"targetSeconds"`
	Stale               bool            `json:"stale"`
}

type statusPause struct {
	Since  time.Time `json:"since"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

type statusRequester struct {
	Source string `json:"source"`
	Actor  string `json:"actor"`
	Reason string `json:"reason,omitempty"`
}

func pauseJSON(p *ledger.Pause) *statusPause {
	if p == nil {
		return nil
	}
	return &statusPause{p.Since, p.Actor, p.Reason}
}

func requesterJSON(r ledger.Requester) *statusRequester {
	if r == (ledger.Requester{}) {
		return nil
	}
	return &statusRequester{r.Source, r.Actor(), r.Reason}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
