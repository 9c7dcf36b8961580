package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// BeginRun begins a run, or returns it if it has begun before.
func (l *Ledger) BeginRun(_ context.Context, b ledger.BeginInput) (begun ledger.Run, found bool, err error) {
	var wait time.Duration
	err = l.write("BeginRun", fmt.Sprintf("%s %d", b.WorkflowID, b.Pass), func() error {
		number, left, err := l.begin(b)
		wait = left
		if err != nil || number == 0 {
			return err
		}
		begun, found = l.load(number), true
		return nil
	})
	if err == nil && wait > 0 {
		err = &ledger.NotDueError{Wait: wait}
	}
	return begun, found, err
}

// begin returns the number of the run, 0 if there is nothing to do, or how long the pass has to wait.
func (d *Database) begin(b ledger.BeginInput) (number int64, wait time.Duration, err error) {
	existing, superseded := d.executionsOf(b)
	if existing != 0 {
		return existing, 0, nil
	}
	if !superseded {
		d.finalizePredecessors(b)
	}
	if !b.Mode.Info().PerTenant {
		number, err = d.beginForRequest(b)
		return number, 0, err
	}
	if superseded {
		return 0, 0, nil
	}
	number, wait = d.beginForQueued(b)
	return number, wait, nil
}

// executionsOf returns the number of the run to begin, 0 if it has not begun, and whether another
// execution of the workflow ID has begun a run after the last one of this execution.
func (d *Database) executionsOf(b ledger.BeginInput) (existing int64, superseded bool) {
	var ours, others int64
	for number, r := range d.state.runs {
		switch {
		case r.WorkflowID != b.WorkflowID || r.Pass == 0: // a withdrawn request has no execution
		case r.FirstRunID != b.FirstRunID:
			others = max(others, number)
		default:
			ours = max(ours, number)
			if r.Pass == b.Pass {
				existing = number
			}
		}
	}
	return existing, ours > 0 && ours < others
}

// finalizePredecessors finalizes the open runs of other executions and of earlier passes.
func (d *Database) finalizePredecessors(b ledger.BeginInput) {
	for _, r := range d.runsWhere(func(r run) bool {
		return r.WorkflowID == b.WorkflowID && (r.FirstRunID != b.FirstRunID || r.Pass < b.Pass) && r.State == ledger.Running
	}) {
		d.finalize(r.Number, ledger.Finalization{State: ledger.Failed, Error: &events.RunError{
			Type: events.Terminated, Message: "the workflow began another execution or pass and left this run without an outcome",
		}})
	}
}

func (d *Database) beginForRequest(b ledger.BeginInput) (int64, error) {
	q, ok := d.state.requests[b.RequestID]
	if !ok {
		return 0, fmt.Errorf("request %q: %w", b.RequestID, ledger.ErrUnknown)
	}
	if q.RunNumber != 0 {
		return q.RunNumber, nil
	}
	return d.insertRun(b, ledger.Run{Entities: q.Entities, AllowDeletes: q.AllowDeletes}, q), nil
}

// beginForQueued begins an incremental run for all queued requests of the kind of the oldest one.
func (d *Database) beginForQueued(b ledger.BeginInput) (number int64, wait time.Duration) {
	queued := d.queued(b.TenantID, b.ClaimUntil)
	if len(queued) == 0 {
		return 0, 0
	}
	if wait = d.untilNextPass(b); wait > 0 {
		return 0, wait
	}
	var scope ledger.Run
	if b.Refreshes {
		scope.Refresh = queued[0].IsRefresh()
		queued = slices.DeleteFunc(queued, func(q ledger.Request) bool { return q.IsRefresh() != scope.Refresh })
	}
	scope.Entities = entitiesOf(queued, nil)
	return d.insertRun(b, scope, queued...), 0
}

// untilNextPass returns how long an incremental pass has to wait, 0 if it may begin.
func (d *Database) untilNextPass(b ledger.BeginInput) time.Duration {
	if !b.MayWait || b.MinInterval <= 0 {
		return 0
	}
	passes := d.runsWhere(func(r run) bool { return r.WorkflowID == b.WorkflowID && r.Pass > 0 })
	if len(passes) == 0 {
		return 0
	}
	return max(passes[len(passes)-1].StartedAt.Add(b.MinInterval).Sub(d.now()), 0)
}

// queued lists the incremental requests of a tenant that no run has claimed and that were published until
// a time in ns, oldest first.
func (d *Database) queued(tenant events.TenantID, until uint64) []ledger.Request {
	return d.requestsWhere(func(q ledger.Request) bool {
		return q.TenantID == tenant && q.Mode.Info().PerTenant && q.RunNumber == 0 && q.IsPublishedUntil(until) &&
			(q.Source != ledger.SecondPassSource || !q.ReceivedAt.After(d.now()))
	})
}

// insertRun inserts a run that serves requests. Of scope it takes Entities, AllowDeletes and Refresh.
func (d *Database) insertRun(b ledger.BeginInput, scope ledger.Run, requests ...ledger.Request) (number int64) {
	d.state.number++
	r := run{Run: scope}
	r.Number, r.TenantID, r.Mode, r.State, r.StartedAt = d.state.number, b.TenantID, b.Mode, ledger.Running, d.now()
	r.WorkflowID, r.FirstRunID, r.Pass = b.WorkflowID, b.FirstRunID, b.Pass
	if b.Pause != nil {
		r.savePause(*b.Pause, true)
	}
	d.state.runs[r.Number] = r
	d.claim(r.Number, requests)
	return r.Number
}

// claim makes a run serve requests.
func (d *Database) claim(number int64, requests []ledger.Request) {
	for _, q := range requests {
		q.RunNumber = number
		d.state.requests[q.ID] = q
	}
}

// savePause records a pause or resume whose number is higher than the last one.
func (r *run) savePause(p ledger.Pause, paused bool) {
	if p.Number <= r.pauseNumber {
		return
	}
	r.pauseNumber, r.Pause = p.Number, nil
	if paused {
		p.Actor, p.Reason = text(p.Actor), text(p.Reason)
		r.Pause = &p
	}
}

// entitiesOf returns the entities of requests and more, each once, in the order of the catalogue.
func entitiesOf(requests []ledger.Request, more []string) (names []string) {
	for _, q := range requests {
		more = append(slices.Clone(more), q.Entities...)
	}
	for _, name := range append(entity.Names(), more...) {
		if slices.Contains(more, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
