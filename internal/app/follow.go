package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
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

// view shows what becomes of a request: bars on a terminal, lines elsewhere.
type view interface {
	accepted(events.AcceptedData)
	started(events.StartedData)
	progress(events.ProgressData)
	controlled(kind string, d events.ControlledData)
	outcome(kind string, d events.OutcomeData)
	rejected(events.RejectedData)
	unanswered() // for so long that a person may wonder
	close()
}

// follower picks out of all events those that tell of one request.
type follower struct {
	requestID string
	view      view

	mu        sync.Mutex
	heard     bool  // something was heard of the request
	runNumber int64 // 0 until a run that serves the request is known
	exit      int
}

// wonder tells that nothing was heard of the request until now.
func (f *follower) wonder() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.heard {
		f.view.unanswered()
	}
}

// errDecided ends following: the exit code is known.
var errDecided = errors.New("decided")

// follow shows events until the request is decided, and returns the exit code. It
// must have begun before the request is published.
func (f *follower) handle(m events.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, err := events.Decode(m)
	if err != nil {
		return nil // not ours to judge
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
		return on(e, events.Paused, f.controlled("paused"))
	case events.Resumed.Name:
		return on(e, events.Resumed, f.controlled("resumed"))
	case events.Completed.Name:
		return on(e, events.Completed, f.outcome("completed", ExitCompleted))
	case events.Failed.Name:
		return on(e, events.Failed, f.outcome("failed", ExitFailed))
	case events.Cancelled.Name:
		return on(e, events.Cancelled, f.outcome("cancelled", ExitCancelled))
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
	f.heard = true
	f.view.accepted(d)
	if d.Outcome == nil {
		return nil
	}
	switch d.Outcome.Type { // decided before we asked
	case events.Completed.Name:
		f.exit = ExitCompleted
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

func (f *follower) controlled(kind string) func(events.ControlledData) error {
	return func(d events.ControlledData) error {
		if f.concerns(d.RunData) {
			f.view.controlled(kind, d)
		}
		return nil
	}
}

func (f *follower) outcome(kind string, exit int) func(events.OutcomeData) error {
	return func(d events.OutcomeData) error {
		if !f.names(d.RunData) {
			return nil
		}
		f.view.outcome(kind, d)
		f.exit = exit
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

// Wait publishes through publish, shows what becomes of the request, and returns the
// exit code of its outcome.
func wait(ctx context.Context, conn *stream.Conn, requestID string, v view, publish func() error) (int, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := &follower{requestID: requestID, view: v}
	decided := make(chan struct{})
	var once sync.Once // what is under way is delivered also after stop
	err := conn.Subscribe(ctx, followed, stream.From{}, func(m events.Message) {
		if f.handle(m) == nil {
			return
		}
		once.Do(func() {
			close(decided) // first: who sees that ctx is done looks here for the reason
			stop()
		})
	})
	if err != nil {
		return 0, err
	}
	if err := publish(); err != nil {
		return 0, err
	}
	wonder := time.AfterFunc(answerTime, f.wonder)
	defer wonder.Stop()
	select {
	case <-decided:
		v.close()
		return f.exit, nil
	case <-ctx.Done():
	}
	v.close()
	select {
	case <-decided:
		return f.exit, nil
	default:
		return 0, &ExitError{
			Code:    ExitInterrupted,
			Message: fmt.Sprintf("no outcome of request %s yet: it goes on without us; see lazisync status", requestID),
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
func (v jsonView) unanswered()                                  {}
func (v jsonView) close()                                       {}
