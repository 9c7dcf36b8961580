package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// runsAboveStream is how far above the number in the event stream the next run number is raised.
const runsAboveStream = 100

// unpublishedLimit is the maximum number of runs that Unpublished returns.
const unpublishedLimit = 100

// load returns a run with its requests, and the results so far if it is running.
func (d *Database) load(number int64) ledger.Run {
	r := d.state.runs[number]
	r.Requests = d.served(number)
	if r.RequestCount = len(r.Requests); r.RequestCount > 0 {
		first := r.Requests[0]
		r.RequestedBy = ledger.Requester{Source: first.Source, Reason: first.Reason, At: first.ReceivedAt}
	}
	if r.State == ledger.Running {
		r.Results = d.resultsSoFar(r)
	}
	return r.Run
}

// served lists the requests that a run serves.
func (d *Database) served(number int64) []ledger.Request {
	return d.requestsWhere(func(q ledger.Request) bool { return number != 0 && q.RunNumber == number })
}

// resultsSoFar returns one result per entity, without a status if the entity is not finished.
func (d *Database) resultsSoFar(r run) []events.Result {
	results := make([]events.Result, len(r.Entities))
	for i, name := range r.Entities {
		results[i] = d.state.positions[place{r.Number, name}].Result()
		results[i].Entity = name
	}
	return results
}

// runsWhere lists runs by their number.
func (d *Database) runsWhere(is func(run) bool) (found []run) {
	for _, r := range d.state.runs {
		if is(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b run) int { return int(a.Number - b.Number) })
	return found
}

// headers lists runs without their requests, at most limit.
func (d *Database) headers(limit int, is func(run) bool) (found []ledger.Run) {
	for _, r := range d.runsWhere(is) {
		if len(found) == limit {
			break
		}
		header := d.load(r.Number)
		header.Requests = nil
		found = append(found, header)
	}
	return found
}

// find returns a run if it belongs to the execution.
func (d *Database) find(ref ledger.Ref) (run, error) {
	r, ok := d.state.runs[ref.Number]
	if !ok {
		return r, fmt.Errorf("run %d: %w", ref.Number, ledger.ErrUnknown)
	}
	return r, ref.Check(r.Ref().Execution)
}

// findRunning returns a run if it belongs to the execution and has no outcome.
func (d *Database) findRunning(ref ledger.Ref) (run, error) {
	r, err := d.find(ref)
	if err == nil && r.State != ledger.Running {
		err = ledger.ErrFinalized
	}
	return r, err
}

// Run reads a run with its requests and results.
func (l *Ledger) Run(_ context.Context, number int64) (found ledger.Run, err error) {
	err = l.read("Run", fmt.Sprint(number), func() error {
		_, err := l.find(ledger.Ref{Number: number})
		found = l.load(number)
		return err
	})
	return found, err
}

// RunHeader reads a run with few of its requests.
func (l *Ledger) RunHeader(_ context.Context, number int64) (header ledger.Run, err error) {
	err = l.read("RunHeader", fmt.Sprint(number), func() error {
		_, err := l.find(ledger.Ref{Number: number})
		header = l.load(number)
		header.Requests = headerRequests(header.Requests)
		return err
	})
	return header, err
}

// headerRequests returns the requests of the first part of an event, the first with a traceparent, and
// the first with another source than the first request.
func headerRequests(requests []ledger.Request) (kept []ledger.Request) {
	traced := slices.IndexFunc(requests, func(q ledger.Request) bool { return q.Traceparent != "" })
	other := slices.IndexFunc(requests, func(q ledger.Request) bool { return q.Source != requests[0].Source })
	for i, q := range requests {
		if i < events.MaxPartRequests || i == traced || i == other {
			kept = append(kept, q)
		}
	}
	return kept
}

// Unfinalized lists the runs without an outcome.
func (l *Ledger) Unfinalized(context.Context) (found []ledger.Run, err error) {
	err = l.read("Unfinalized", "", func() error {
		found = l.headers(len(l.state.runs), func(r run) bool { return r.State == ledger.Running })
		return nil
	})
	return found, err
}

// Unpublished lists the oldest runs whose outcome is not marked as published.
func (l *Ledger) Unpublished(context.Context) (found []ledger.Run, err error) {
	err = l.read("Unpublished", "", func() error {
		found = l.headers(unpublishedLimit, func(r run) bool { return r.State != ledger.Running && !r.Published })
		return nil
	})
	return found, err
}

// MarkPublished records that the outcome of a run is published.
func (l *Ledger) MarkPublished(_ context.Context, ref ledger.Ref) error {
	return l.write("MarkPublished", fmt.Sprint(ref.Number), func() error {
		r, err := l.find(ref)
		if err != nil {
			return err
		}
		if r.State == ledger.Running {
			return errors.New("the run has no outcome yet")
		}
		r.Published = true
		l.state.runs[r.Number] = r
		return nil
	})
}

// RecordPause records that a run is paused, or not any more.
func (l *Ledger) RecordPause(_ context.Context, ref ledger.Ref, p ledger.Pause, paused bool) (found ledger.Run, err error) {
	err = l.write("RecordPause", fmt.Sprint(ref.Number), func() error {
		r, err := l.findRunning(ref)
		if err != nil {
			return err
		}
		r.savePause(p, paused)
		l.state.runs[r.Number] = r
		found = l.load(r.Number)
		return nil
	})
	return found, err
}

// RaiseRunNumbers makes the next run number higher than one in the event stream.
func (l *Ledger) RaiseRunNumbers(_ context.Context, inStream int64) (given int64, raised bool, err error) {
	err = l.write("RaiseRunNumbers", fmt.Sprint(inStream), func() error {
		if l.state.number < inStream {
			given, raised, l.state.number = l.state.number, true, inStream+runsAboveStream
		}
		return nil
	})
	return given, raised, err
}

// DropStagingTables does nothing: a staging table is dropped with the outcome of its run.
func (l *Ledger) DropStagingTables(context.Context) (dropped int, err error) {
	return 0, l.write("DropStagingTables", "", func() error { return nil })
}

// Prune deletes old runs with their requests, and old controls, and returns how many.
func (l *Ledger) Prune(_ context.Context, keep time.Duration) (deleted int64, err error) {
	err = l.write("Prune", "", func() error {
		for number, r := range l.state.runs {
			if r.State == ledger.Running || !r.Published || !l.isOlder(r.FinishedAt, keep) {
				continue
			}
			for _, q := range l.served(number) {
				delete(l.state.requests, q.ID)
			}
			delete(l.state.runs, number)
			maps.DeleteFunc(l.state.positions, func(at place, _ position) bool { return at.run == number })
			deleted++
		}
		for id, c := range l.state.controls {
			if c.State != ledger.ControlPending && l.isOlder(c.settledAt, keep) {
				delete(l.state.controls, id)
				deleted++
			}
		}
		return nil
	})
	return deleted, err
}

// PruneChanges does nothing: changes of rows are not recorded.
func (l *Ledger) PruneChanges(context.Context, time.Duration) (int64, error) {
	return 0, l.write("PruneChanges", "", func() error { return nil })
}
