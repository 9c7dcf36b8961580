package activitytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// RaiseRunNumbers records the number. Runs are numbered from 1 regardless.
func (l *Ledger) RaiseRunNumbers(_ context.Context, inStream int64) (given int64, raised bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Raised = max(l.Raised, inStream)
	return int64(len(l.runs)), false, nil
}

// BeginRun begins a run or returns the open one.
func (l *Ledger) BeginRun(_ context.Context, in ledger.BeginInput) (ledger.Run, bool, error) {
	if err := l.refuse("BeginRun", ""); err != nil {
		return ledger.Run{}, false, err
	}
	if l.Looked != nil {
		defer func() { l.Looked(l.Looks()) }()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	in.FirstRunID = cmp.Or(in.FirstRunID, "first") // the SDK's test environment has none
	for _, r := range l.runs {
		if r.WorkflowID == in.WorkflowID && r.FirstRunID == in.FirstRunID && r.Pass == in.Pass {
			return *r, true, nil
		}
	}
	serves := l.unserved(in)
	if len(serves) == 0 {
		if in.Mode != events.Incremental {
			return ledger.Run{}, false, fmt.Errorf("request %q: %w", in.RequestID, ledger.ErrUnknown)
		}
		return ledger.Run{}, false, nil
	}
	if wait := l.untilNextPass(in); wait > 0 {
		return ledger.Run{}, false, &ledger.NotDueError{Wait: wait}
	}
	r := &ledger.Run{
		Number: int64(len(l.runs) + 1), TenantID: in.TenantID, Mode: in.Mode,
		WorkflowID: in.WorkflowID, FirstRunID: in.FirstRunID, Pass: in.Pass,
		State: ledger.Running, StartedAt: l.now(), Pause: in.Pause,
	}
	if in.Pause != nil {
		l.pauses[r.Number] = in.Pause.Number
	}
	if in.Refreshes {
		r.Refresh = serves[0].IsRefresh()
		serves = slices.DeleteFunc(serves, func(q *ledger.Request) bool { return q.IsRefresh() != r.Refresh })
	}
	l.serve(r, serves)
	l.runs = append(l.runs, r)
	return *r, true, nil
}

func (l *Ledger) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

// untilNextPass returns how long an incremental pass has to wait, 0 if it may begin.
func (l *Ledger) untilNextPass(in ledger.BeginInput) time.Duration {
	if len(l.runs) == 0 || !in.MayWait {
		return 0
	}
	return l.runs[len(l.runs)-1].StartedAt.Add(in.MinInterval).Sub(l.now())
}

// unserved lists the requests that a run is to serve.
func (l *Ledger) unserved(in ledger.BeginInput) (found []*ledger.Request) {
	for _, r := range l.requests {
		if r.RunNumber == 0 && r.Mode == in.Mode && (in.Mode == events.Incremental || r.ID == in.RequestID) {
			found = append(found, r)
		}
	}
	return found
}

func (l *Ledger) serve(r *ledger.Run, requests []*ledger.Request) {
	for _, request := range requests {
		request.RunNumber = r.Number
		r.Requests = append(r.Requests, *request)
		for _, name := range request.Entities {
			if !slices.Contains(r.Entities, name) {
				r.Entities = append(r.Entities, name)
			}
		}
	}
}
