package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/stream"
)

// Exit codes of commands that wait for an outcome. 2 is wrong usage or configuration
// everywhere.
const (
	ExitCompleted = 0
	ExitFailed    = 1
	ExitUsage     = 2
	ExitCancelled = 3
	ExitRejected  = 4
	// ExitSkipped says that a sync completed and skipped at least one entity, of which
	// nothing was read.
	ExitSkipped = 5
	// ExitInterrupted says that somebody ended the waiting, as shells have it of Ctrl-C.
	ExitInterrupted = 130
)

// ExitError ends a command with a code of its own.
type ExitError struct {
	Code    int
	Message string // "" when everything was said already
}

func (e *ExitError) Error() string { return e.Message }

// followed are the subjects that tell what becomes of a request.
var followed = []string{
	events.Accepted.Subject, events.Rejected.Subject, events.Started.Subject, events.Progress.Subject,
	events.Paused.Subject, events.Resumed.Subject,
	events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
}

// view shows what becomes of a request: bars on a terminal, lines elsewhere. Its methods
// are called by one goroutine.
type view interface {
	accepted(events.AcceptedData)
	started(events.StartedData)
	progress(events.ProgressData)
	controlled(kind string, d events.ControlledData)
	outcome(kind string, d events.OutcomeData)
	rejected(events.RejectedData)
	unanswered()                // for so long that a person may wonder
	held(events.ControlledData) // the workflow was paused before the request came to it
	close()
}

// follower picks out of all events those that tell of one request. One goroutine uses it.
type follower struct {
	requestID string
	view      view

	heard      bool                             // something was heard of the request
	answered   bool                             // it was accepted, or its answer is not waited for any more
	early      []events.Message                 // those of runs that came before the answer
	workflowID string                           // of the workflow that serves it, once that is known
	paused     map[string]events.ControlledData // by workflow: pauses that last
	began      time.Time                        // what is older is known from before
	runNumber  int64                            // 0 until a run that serves the request is known
	exit       int
}

// wonder ends the wait for the answer. It tells that nothing was heard of the request
// until now, or why it waits. It returns errDecided like handle.
func (f *follower) wonder() error {
	if err := f.replay(); err != nil {
		return err
	}
	if !f.heard {
		f.view.unanswered()
	} else if f.runNumber == 0 {
		f.showPause()
	}
	return nil
}

// errDecided ends following: the exit code is known.
var errDecided = errors.New("decided")

// handle shows what a message tells of the request, and returns errDecided when that is
// its outcome.
//
// The bridge publishes that a request is accepted, and the worker that its run started: the
// two messages come in either order. Those of runs are kept until the answer is there, so
// that people and programs always see it first.
func (f *follower) handle(m events.Message) error {
	e, err := events.Decode(m)
	if err != nil {
		return nil // not ours to judge
	}
	if !f.answered && ofRun(e) {
		f.early = append(f.early, m)
		return nil
	}
	switch e.Type() {
	case events.Accepted.Name:
		return on(e, events.Accepted, f.accepted)
	case events.Rejected.Name:
		return on(e, events.Rejected, f.rejected)
	case events.Started.Name:
		return on(e, events.Started, func(d events.StartedData) error {
			if f.concerns(d.RunData) {
				f.view.started(d)
			}
			return nil
		})
	case events.Progress.Name:
		return on(e, events.Progress, func(d events.ProgressData) error {
			if f.concerns(d.RunData) {
				f.view.progress(d)
			}
			return nil
		})
	case events.Paused.Name:
		return on(e, events.Paused, f.controlled("paused", e.Time()))
	case events.Resumed.Name:
		return on(e, events.Resumed, f.controlled("resumed", e.Time()))
	case events.Completed.Name:
		return on(e, events.Completed, f.outcome("completed", ExitCompleted))
	case events.Failed.Name:
		return on(e, events.Failed, f.outcome("failed", ExitFailed))
	case events.Cancelled.Name:
		return on(e, events.Cancelled, f.outcome("cancelled", ExitCancelled))
	}
	return nil
}

// ofRun reports whether an event tells how a run started, proceeds or ended.
func ofRun(e events.Event) bool {
	switch e.Type() {
	case events.Started.Name, events.Progress.Name, events.Completed.Name, events.Failed.Name, events.Cancelled.Name:
		return true
	}
	return false
}

// replay handles the messages that came before the answer.
func (f *follower) replay() error {
	early := f.early
	f.answered, f.early = true, nil
	for _, m := range early {
		if err := f.handle(m); err != nil {
			return err
		}
	}
	return nil
}

func on[T any](e events.Event, t events.Type[T], do func(T) error) error {
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
	f.heard, f.workflowID = true, d.WorkflowID
	f.view.accepted(d)
	if d.Outcome == nil {
		f.showPause()
		return f.replay()
	}
	switch d.Outcome.Type { // decided before we asked
	case events.Completed.Name:
		if f.exit = ExitCompleted; len(d.Outcome.Skipped) > 0 {
			f.exit = ExitSkipped
		}
	case events.Cancelled.Name:
		f.exit = ExitCancelled
	default:
		f.exit = ExitFailed
	}
	return errDecided
}

func (f *follower) rejected(d events.RejectedData) error {
	if d.RequestID != f.requestID || d.Kind != events.KindRequest {
		return nil
	}
	f.view.rejected(d)
	f.exit = ExitRejected
	return errDecided
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
		waits := f.runNumber == 0 && f.workflowID != "" && d.WorkflowID == f.workflowID // behind the run of another request
		if (f.concerns(d.RunData) || waits) && !at.Before(f.began) {
			f.view.controlled(kind, d)
		}
		return nil
	}
}

// showPause tells that the request waits for a workflow that was paused before.
func (f *follower) showPause() {
	if d, paused := f.paused[f.workflowID]; paused {
		f.view.held(d)
		delete(f.paused, f.workflowID) // once is enough
	}
}

func (f *follower) outcome(kind string, exit int) func(events.OutcomeData) error {
	return func(d events.OutcomeData) error {
		if !f.names(d.RunData) {
			return nil
		}
		f.view.outcome(kind, d)
		if f.exit = exit; exit == ExitCompleted && len(skipped(d)) > 0 {
			f.exit = ExitSkipped
		}
		return errDecided
	}
}

// names says whether the event names the request.
func (f *follower) names(d events.RunData) bool {
	return slices.ContainsFunc(d.Requests, func(r events.RequestRef) bool { return r.RequestID == f.requestID })
}

// concerns says whether the event is about the run that serves the request.
func (f *follower) concerns(d events.RunData) bool {
	if f.names(d) {
		f.heard, f.runNumber = true, d.RunNumber
	}
	return f.runNumber != 0 && d.RunNumber == f.runNumber
}

// skipped lists the entities of an outcome of which nothing was read.
func skipped(d events.OutcomeData) (names []string) {
	for _, r := range d.Results {
		if r.Status == events.StatusSkipped {
			names = append(names, r.Entity)
		}
	}
	return names
}

// pauseMemory is how far back pauses are looked for: longer than one may last.
const pauseMemory = config.MaxRun

// wait publishes through publish, shows what becomes of the request, and returns the
// exit code of its outcome. It alone calls the view.
func wait(ctx context.Context, conn *stream.Conn, requestID string, v view, publish func() error) (int, error) {
	defer v.close()
	f := &follower{requestID: requestID, view: v, began: time.Now()}
	heard, stop, err := listen(ctx, conn)
	if err != nil {
		return 0, err
	}
	defer stop()
	if err := publish(); err != nil {
		return 0, err
	}
	return f.follow(ctx, heard, time.After(answerTime))
}

// listen returns a channel of everything that tells of requests from now on, and of the
// pauses before.
func listen(ctx context.Context, conn *stream.Conn) (heard <-chan events.Message, stop func(), err error) {
	ctx, stop = context.WithCancel(ctx)
	messages := make(chan events.Message, 64)
	deliver := func(m events.Message) {
		select {
		case messages <- m:
		case <-ctx.Done():
		}
	}
	pauses := []string{events.Paused.Subject, events.Resumed.Subject}
	others := slices.DeleteFunc(slices.Clone(followed), func(subject string) bool { return slices.Contains(pauses, subject) })
	err = conn.Subscribe(ctx, pauses, stream.StartPosition{Time: time.Now().Add(-pauseMemory)}, deliver)
	if err == nil {
		err = conn.Subscribe(ctx, others, stream.StartPosition{}, deliver)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return messages, stop, nil
}

// follow shows what is heard until the request is decided, and returns the exit code.
func (f *follower) follow(ctx context.Context, heard <-chan events.Message, wonder <-chan time.Time) (int, error) {
	for {
		select {
		case m := <-heard:
			if f.handle(m) != nil {
				return f.exit, nil
			}
		case <-wonder:
			if f.wonder() != nil {
				return f.exit, nil
			}
		case <-ctx.Done():
			return 0, &ExitError{
				Code:    ExitInterrupted,
				Message: fmt.Sprintf("no outcome of request %s yet: it continues in the background; see lazisync status", f.requestID),
			}
		}
	}
}

// jsonView prints every event's data as one JSON object a line.
type jsonView struct{ out io.Writer }

func (v jsonView) print(kind string, data any) {
	_ = json.NewEncoder(v.out).Encode(map[string]any{"event": kind, "data": data})
}
func (v jsonView) accepted(d events.AcceptedData)               { v.print("accepted", d) }
func (v jsonView) started(d events.StartedData)                 { v.print("started", d) }
func (v jsonView) progress(d events.ProgressData)               { v.print("progress", d) }
func (v jsonView) controlled(k string, d events.ControlledData) { v.print(k, d) }
func (v jsonView) outcome(k string, d events.OutcomeData)       { v.print(k, d) }
func (v jsonView) rejected(d events.RejectedData)               { v.print("rejected", d) }
func (v jsonView) held(d events.ControlledData)                 { v.print("waiting", d) }
func (v jsonView) unanswered()                                  {}
func (v jsonView) close()                                       {}
