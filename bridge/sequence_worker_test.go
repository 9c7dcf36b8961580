package bridge_test

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

// work is a model of the workflow of one execution and its activities, in steps.
type work struct {
	memory.Execution
	request      string // of a workflow with one request
	received     int    // signals that it has read
	woken        bool
	passes       int
	run          ledger.Run // zero before a run has begun
	ended        int        // entities of the run
	paused       bool
	stop         *ledger.Finalization
	finalization *ledger.Finalization // set when it begins to finalize the run: a cancel is too late then
	next         *ledger.Finalization // the stop of the next pass
	seen         []string
	last         uint64 // sequence of the latest control
	isLate       bool   // its last activity has continued after the execution was closed
}

// workOf returns the work of the latest execution of a workflow ID.
func (d *deployment) workOf(id string) *work {
	e := d.temporal.Execution(id)
	if d.works[e.FirstRunID] == nil {
		w := &work{Execution: e}
		if in, ok := e.Input.(workflows.SyncInput); ok {
			w.request = in.RequestID
		}
		d.works[e.FirstRunID] = w
	}
	w := d.works[e.FirstRunID]
	w.Execution = e
	return w
}

func (w *work) isTenants() bool { return w.request == "" }

// receive applies the signals that have arrived, as the workflow does.
func (w *work) receive() {
	for _, s := range w.Signals[w.received:] {
		control, isControl := s.Payload.(workflows.ControlSignal)
		if w.received++; !isControl {
			w.woken = true
			continue
		}
		w.apply(s.Name, control)
	}
}

func (w *work) apply(name string, s workflows.ControlSignal) {
	if slices.Contains(w.seen, s.ID) {
		return
	}
	w.seen = append(w.seen, s.ID)
	if s.Sequence <= w.last && name != workflows.SignalCancel {
		return
	}
	w.last = max(w.last, s.Sequence)
	switch {
	case s.PassOnly && (w.run.Number == 0 || s.RunNumber != 0 && s.RunNumber != w.run.Number):
	case name == workflows.SignalCancel:
		cancel := &ledger.Finalization{State: ledger.Cancelled, Reason: "cancelled", ClaimQueued: !s.PassOnly}
		if w.isTenants() && cancel.ClaimQueued {
			cancel.ClaimUntil = s.Sequence
		}
		switch {
		case w.stop == nil && w.finalization == nil:
			w.stop = cancel
		case cancel.ClaimQueued && (w.stop == nil || !w.stop.ClaimQueued || w.finalization != nil):
			if w.next != nil {
				cancel.ClaimUntil = max(w.next.ClaimUntil, cancel.ClaimUntil)
			}
			w.next = cancel
		case cancel.ClaimQueued:
			w.stop.ClaimUntil = max(w.stop.ClaimUntil, cancel.ClaimUntil)
		}
	default:
		w.paused = name == workflows.SignalPause
	}
}

// step carries out the next activity of the work. Whatever fails is tried again in a later step.
func (p *process) step(w *work) {
	switch w.receive(); {
	case w.run.Number == 0:
		p.begin(w)
	case w.stop == nil && w.ended < len(w.run.Entities):
		if !w.paused {
			p.read(w)
		}
	default:
		p.finish(w)
	}
}

func (p *process) begin(w *work) {
	in := ledger.BeginInput{TenantID: "985", Mode: events.Incremental, WorkflowID: w.ID, FirstRunID: w.FirstRunID, Pass: w.passes + 1, RequestID: w.request, Refreshes: true}
	if mode, _ := events.ModeOfWorkflowID(w.ID); !w.isTenants() {
		in.Mode = mode.Mode
	}
	if w.stop != nil {
		in.ClaimUntil = w.stop.ClaimUntil
	}
	woken := w.woken
	w.woken = false
	last, err := p.publisher.LastRunNumber(context.Background())
	if err == nil {
		_, _, err = p.ledger.RaiseRunNumbers(context.Background(), last)
	}
	if err != nil {
		w.woken = woken
		return
	}
	run, found, err := p.ledger.BeginRun(context.Background(), in)
	if errors.Is(err, ledger.ErrUnknown) {
		p.close(w, workflows.ExecutionFailed)
		return
	}
	if err == nil && found && run.State == ledger.Running {
		err = p.publishAll(run.StartedEvents())
	}
	switch {
	case err != nil:
		w.woken = woken
	case found:
		w.run, w.ended = run, 0
	case in.ClaimUntil != 0:
		w.stop, w.next, w.woken = w.next, nil, true
	case !woken && (!w.paused || w.stop != nil):
		p.close(w, workflows.ExecutionCompleted)
	}
}

// read reads an entity to its end, unless its run has an outcome.
func (p *process) read(w *work) {
	run, err := p.ledger.Run(context.Background(), w.run.Number)
	if err != nil && !errors.Is(err, ledger.ErrUnknown) {
		return
	}
	if err == nil && run.State == ledger.Running && w.run.Ref().Check(run.Ref().Execution) == nil {
		p.ledger.EndEntity(run.Number, w.run.Entities[w.ended], events.StatusCompleted)
	}
	w.ended++
}

func (p *process) finish(w *work) {
	if w.finalization == nil {
		w.finalization = cmp.Or(w.stop, &ledger.Finalization{State: ledger.Completed})
	}
	run, err := p.ledger.Finalize(context.Background(), w.run.Ref(), *w.finalization)
	if err == nil && !run.Published {
		if err = p.publishAll(run.OutcomeEvents()); err == nil {
			err = p.ledger.MarkPublished(context.Background(), run.Ref())
		}
	}
	isUnknown := errors.Is(err, ledger.ErrUnknown) // the ledger was restored
	if err != nil && !isUnknown {
		return
	}
	if !w.isTenants() {
		p.close(w, map[ledger.RunState]workflows.ExecutionStatus{
			ledger.Completed: workflows.ExecutionCompleted, ledger.Cancelled: workflows.ExecutionCancelled, "": workflows.ExecutionFailed, ledger.Failed: workflows.ExecutionFailed,
		}[run.State])
		return
	}
	w.passes++
	w.run, w.ended, w.stop, w.finalization, w.next = ledger.Run{}, 0, w.next, nil, nil
}

func (p *process) publishAll(all []events.Event, err error) error {
	for _, e := range all {
		err = errors.Join(err, p.publisher.Publish(context.Background(), e))
	}
	return err
}

// close closes the execution of a work if it is open and has read every signal.
func (p *process) close(w *work, status workflows.ExecutionStatus) {
	latest := p.d.temporal.Execution(w.ID)
	if latest.FirstRunID == w.FirstRunID && latest.Status == workflows.ExecutionOpen && len(latest.Signals) == w.received {
		p.d.temporal.SetStatus(w.ID, status)
	}
}
