package cli

import (
	"errors"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
)

// view shows the progress of a request: bars on a terminal, lines elsewhere. It is not safe
// for concurrent use.
type view interface {
	accepted(events.AcceptedData)
	started(events.StartedData)
	progress(events.ProgressData)
	controlled(kind string, d events.ControlledData)
	outcome(kind string, d events.OutcomeData)
	rejected(events.RejectedData)
	unanswered()                           // no event about the request for answerTimeout
	alreadyPaused(d events.ControlledData) // the request waits for a workflow that was paused before
	close()
}

// follower shows those of all events that concern one request. It is not safe for
// concurrent use.
type follower struct {
	requestID string
	view      view

	hasEvents  bool                             // an event about the request arrived
	isAnswered bool                             // it was accepted, or its answer is overdue
	early      []events.Message                 // of runs, received before the answer
	workflowID string                           // of the workflow that serves it, "" until it is known
	paused     map[string]events.ControlledData // paused workflows
	startedAt  time.Time                        // older pauses are shown only if the request waits for them
	runNumber  int64                            // of the run that serves the request, 0 until it is known
	exitCode   int
}

// showDelay ends the wait for the answer, and shows that no event about the request has
// arrived, or why it waits. Like handle it returns errFinished.
func (f *follower) showDelay() error {
	if err := f.replay(); err != nil {
		return err
	}
	if !f.hasEvents {
		f.view.unanswered()
	} else if f.runNumber == 0 {
		f.showPause()
	}
	return nil
}

// errFinished ends following: the exit code is known.
var errFinished = errors.New("finished")

// handle shows a message if it concerns the request, and returns errFinished if it is its
// outcome.
//
// The bridge publishes that a request is accepted and the worker that its run started, in
// either order. Events of runs are kept until the answer arrives, so that it is always
// shown first.
func (f *follower) handle(m events.Message) error {
	e, err := events.Decode(m)
	if err != nil {
		return nil // no event of this version
	}
	if !f.isAnswered && isRunEvent(e) {
		f.early = append(f.early, m)
		return nil
	}
	switch e.Type() {
	case events.Accepted.Name:
		return withData(e, events.Accepted, f.accepted)
	case events.Rejected.Name:
		return withData(e, events.Rejected, f.rejected)
	case events.Started.Name:
		return withData(e, events.Started, func(d events.StartedData) error {
			if f.isAbout(d.RunData) {
				f.view.started(d)
			}
			return nil
		})
	case events.Progress.Name:
		return withData(e, events.Progress, func(d events.ProgressData) error {
			if f.isAbout(d.RunData) {
				f.view.progress(d)
			}
			return nil
		})
	case events.Paused.Name:
		return withData(e, events.Paused, f.controlled("paused", e.Time()))
	case events.Resumed.Name:
		return withData(e, events.Resumed, f.controlled("resumed", e.Time()))
	case events.Completed.Name:
		return withData(e, events.Completed, f.outcome("completed", ExitCompleted))
	case events.Failed.Name:
		return withData(e, events.Failed, f.outcome("failed", ExitFailed))
	case events.Cancelled.Name:
		return withData(e, events.Cancelled, f.outcome("cancelled", ExitCancelled))
	}
	return nil
}

// isRunEvent reports whether an event is about the start, progress or outcome of a run.
func isRunEvent(e events.Event) bool {
	switch e.Type() {
	case events.Started.Name, events.Progress.Name, events.Completed.Name, events.Failed.Name, events.Cancelled.Name:
		return true
	}
	return false
}

// replay handles the messages received before the answer.
func (f *follower) replay() error {
	early := f.early
	f.isAnswered, f.early = true, nil
	for _, m := range early {
		if err := f.handle(m); err != nil {
			return err
		}
	}
	return nil
}

// withData calls do with the data of an event; events with invalid data are ignored.
func withData[T any](e events.Event, t events.Type[T], do func(T) error) error {
	data, err := t.Data(e)
	if err != nil {
		return nil
	}
	return do(data)
}

func (f *follower) accepted(d events.AcceptedData) error {
	if d.RequestID != f.requestID || d.Kind != events.KindRequest {
		return nil
	}
	f.hasEvents, f.workflowID = true, d.WorkflowID
	f.view.accepted(d)
	if d.Outcome == nil {
		f.showPause()
		return f.replay()
	}
	switch d.Outcome.Type { // of an earlier request with the same id
	case events.Completed.Name:
		if f.exitCode = ExitCompleted; len(d.Outcome.Skipped) > 0 {
			f.exitCode = ExitSkipped
		}
	case events.Cancelled.Name:
		f.exitCode = ExitCancelled
	default:
		f.exitCode = ExitFailed
	}
	return errFinished
}

func (f *follower) rejected(d events.RejectedData) error {
	if d.RequestID != f.requestID || d.Kind != events.KindRequest {
		return nil
	}
	f.view.rejected(d)
	f.exitCode = ExitRejected
	return errFinished
}

func (f *follower) controlled(kind string, at time.Time) func(events.ControlledData) error {
	return func(d events.ControlledData) error {
		if kind == "paused" {
			if f.paused == nil {
				f.paused = map[string]events.ControlledData{}
			}
			f.paused[d.WorkflowID] = d
		} else {
			delete(f.paused, d.WorkflowID)
		}
		waits := f.runNumber == 0 && f.workflowID != "" && d.WorkflowID == f.workflowID // for the run of another request
		if (f.isAbout(d.RunData) || waits) && !at.Before(f.startedAt) {
			f.view.controlled(kind, d)
		}
		return nil
	}
}

// showPause shows once that the request waits for a workflow that was already paused.
func (f *follower) showPause() {
	if d, paused := f.paused[f.workflowID]; paused {
		f.view.alreadyPaused(d)
		delete(f.paused, f.workflowID)
	}
}

func (f *follower) outcome(kind string, exit int) func(events.OutcomeData) error {
	return func(d events.OutcomeData) error {
		if !f.hasRequest(d.RunData) {
			return nil
		}
		f.view.outcome(kind, d)
		if f.exitCode = exit; exit == ExitCompleted && len(skippedEntities(d)) > 0 {
			f.exitCode = ExitSkipped
		}
		return errFinished
	}
}

// hasRequest reports whether a run serves the request.
func (f *follower) hasRequest(d events.RunData) bool {
	return slices.ContainsFunc(d.Requests, func(r events.RequestRef) bool { return r.RequestID == f.requestID })
}

// isAbout reports whether an event is about the run that serves the request.
func (f *follower) isAbout(d events.RunData) bool {
	if f.hasRequest(d) {
		f.hasEvents, f.runNumber = true, d.RunNumber
	}
	return f.runNumber != 0 && d.RunNumber == f.runNumber
}

// skippedEntities lists the entities that an outcome reports as skipped.
func skippedEntities(d events.OutcomeData) (names []string) {
	for _, r := range d.Results {
		if r.Status == events.StatusSkipped {
			names = append(names, r.Entity)
		}
	}
	return names
}
