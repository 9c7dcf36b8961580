package bridge_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

// Sequences of actions per test run, with -short and without.
const (
	shortSequences = 500
	sequences      = 10_000
)

// TestSequences carries out random sequences of actions. After the last one everything becomes idle:
// no call fails any more, messages are redelivered, workflows end, and the reconcilers run. Then each
// command has one answer, each accepted request one outcome, and the stream and the ledger agree.
//
// A failure prints the shortest script that still fails, with the seed that repeats it (-rapid.seed).
// Write it down as a test of its own in sequence_found_test.go.
func TestSequences(t *testing.T) {
	checks := sequences
	if testing.Short() {
		checks = 5 * shortSequences // of which rapid carries out a fifth
	}
	setDefault(t, "rapid.checks", fmt.Sprint(checks))
	setDefault(t, "rapid.steps", "50")
	setDefault(t, "rapid.nofailfile", "true")
	rapid.Check(t, func(t *rapid.T) {
		s := &sequence{newDeployment(t)}
		t.Repeat(map[string]func(*rapid.T){
			"request": s.do(s.request), "request more": s.do(s.request), "control": s.do(s.control), "deliver": s.do(s.deliver), "deliver more": s.do(s.deliver),
			"redeliver": s.do(s.redeliver), "work": s.do(s.work), "work more": s.do(s.work), "late work": s.do(s.lateWork), "close": s.do(s.closeInTemporal),
			"reset": s.do(s.reset), "reconcile": s.do(s.reconcile), "time": s.do(s.time), "backup": s.do(s.backUp), "restore": s.do(s.restore),
		})
		s.becomeIdle()
		s.check(t)
	})
}

// setDefault sets a flag that the command line does not set.
func setDefault(t *testing.T, name, value string) {
	t.Helper()
	isSet := false
	flag.Visit(func(f *flag.Flag) { isSet = isSet || f.Name == name })
	if !isSet {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// sequence is a sequence of actions.
type sequence struct{ *deployment }

// action is one step: what it does in words, and how. Everything random about it is drawn.
type action struct {
	what string
	do   func()
}

// do draws an action and carries it out.
func (s *sequence) do(draw func(*rapid.T) action) func(*rapid.T) {
	return func(t *rapid.T) {
		a := draw(t)
		if a.do == nil { // it is impossible now: the next one follows
			return
		}
		t.Log(a.what)
		a.do()
	}
}

var (
	requestEvents  = rapid.SampledFrom([]string{"e1", "e2", "e3"})
	faultyMethods  = rapid.SampledFrom(methods)
	methods        = []string{"Receive", "Accept", "Start", "SignalWithStart", "Signal", "Publish", "DeadLetter", "Ack", "Term", "RecordControl", "MarkControlSignalled", "SettleControl", "MarkControlAnswered", "WithdrawRequest", "PendingControls", "FindRequests", "HasOpenRequest", "BeginRun", "Finalize", "FinalizeUnstarted", "MarkPublished", "ExecutionStatus", "Unfinalized", "RaiseRunNumbers"}
	controlActions = rapid.SampledFrom([]events.Action{events.Cancel, events.Cancel, events.Pause, events.Resume})
)

// drawFault draws what goes wrong. Calls of several messages are concurrent: none of them crashes or is
// interrupted, because the order would be random.
func (s *sequence) drawFault(t *rapid.T, isConcurrent bool) (what string, f fault) {
	kinds := []faultKind{"", "", failsBefore, failsAfter}
	if !isConcurrent {
		kinds = append(kinds, crashesBefore, crashesAfter, interrupted)
	}
	if f.kind = rapid.SampledFrom(kinds).Draw(t, "fault"); f.kind == "" {
		return "", fault{}
	}
	f.method = faultyMethods.Draw(t, "method")
	what = fmt.Sprintf(" (%s: %s", f.method, f.kind)
	if f.kind == interrupted {
		meanwhile := rapid.SampledFrom([]func(*rapid.T) action{s.request, s.plainDeliver, s.plainWork, s.plainReconcile, s.closeInTemporal, s.time}).Draw(t, "meanwhile")(t)
		if meanwhile.do == nil {
			return "", fault{}
		}
		f.during, what = meanwhile.do, what+": "+meanwhile.what
	}
	return what + ")", f
}

// request publishes a request: a new one, a repetition, or one with changed data.
func (s *sequence) request(t *rapid.T) action {
	id := requestEvents.Draw(t, "event")
	data := events.RequestData{Mode: events.Incremental}
	if (id == "e1") != (rapid.IntRange(0, 9).Draw(t, "changed") == 0) {
		data.Mode = events.Full
	}
	return action{fmt.Sprintf("request %s %s", id, data.Mode), func() { publish(s.deployment, events.Requested, id, data) }}
}

// control publishes a control of a request, by its ID or its event's, or of a workflow.
func (s *sequence) control(t *rapid.T) action {
	id := rapid.SampledFrom([]string{"c1", "c2", "c3"}).Draw(t, "event")
	target := requestEvents.Draw(t, "target")
	data := events.ControlData{Action: controlActions.Draw(t, "action")}
	switch rapid.IntRange(0, 2).Draw(t, "by") {
	case 0:
		data.RequestID = target
	case 1:
		data.RequestID = events.RequestID("/test", target)
	default:
		data.WorkflowID = "incremental-sync-985"
		if target == "e1" {
			data.WorkflowID = workflows.FullSyncID(events.RequestID("/test", target))
		}
	}
	return action{fmt.Sprintf("control %s %s %s%s", id, data.Action, data.RequestID, data.WorkflowID), func() { publish(s.deployment, events.Control, id, data) }}
}

// deliverable lists the commands of a subject that are not settled. Controls are delivered one at a time.
func (s *sequence) deliverable(subject string) (all []*command) {
	for _, c := range s.commands {
		if c.event.Subject == subject && !c.isSettled {
			all = append(all, c)
		}
	}
	if subject == events.Control.Subject {
		return all[:min(1, len(all))]
	}
	return all
}

func (s *sequence) drawBridge(t *rapid.T) *process {
	return s.bridges[rapid.IntRange(0, 1).Draw(t, "bridge")]
}

// deliver delivers unsettled commands.
func (s *sequence) deliver(t *rapid.T) action { return s.delivery(t, true) }

func (s *sequence) plainDeliver(t *rapid.T) action { return s.delivery(t, false) }

func (s *sequence) delivery(t *rapid.T, mayFail bool) action {
	to := s.drawBridge(t)
	subject := rapid.SampledFrom([]string{events.Requested.Subject, events.Control.Subject}).Draw(t, "subject")
	all := s.deliverable(subject)
	if len(all) == 0 {
		return action{}
	}
	first := rapid.IntRange(0, len(all)-1).Draw(t, "first")
	all = all[first:min(len(all), first+rapid.IntRange(1, 3).Draw(t, "count"))]
	return s.deliveryOf(t, mayFail, to, all...)
}

func (s *sequence) deliveryOf(t *rapid.T, mayFail bool, to *process, all ...*command) action {
	what, f := "", fault{}
	if mayFail {
		what, f = s.drawFault(t, len(all) > 1)
	}
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = fmt.Sprint(c.event.Sequence)
	}
	return action{fmt.Sprintf("deliver %s to %s%s", strings.Join(ids, ","), to.name, what), func() {
		to.act(f, func() { s.deployment.deliver(to, all...) })
	}}
}

// redeliver delivers a settled command: the server has lost its acknowledgement.
func (s *sequence) redeliver(t *rapid.T) action {
	settled := slices.DeleteFunc(slices.Clone(s.commands), func(c *command) bool { return !c.isSettled })
	if len(settled) == 0 {
		return action{}
	}
	return s.deliveryOf(t, true, s.drawBridge(t), rapid.SampledFrom(settled).Draw(t, "command"))
}

// open lists the IDs of open workflows.
func (s *sequence) open() (ids []string) {
	for _, e := range s.executions() {
		if e.Status == workflows.ExecutionOpen {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// work carries out steps of an open workflow.
func (s *sequence) work(t *rapid.T) action { return s.workOn(t, true) }

func (s *sequence) plainWork(t *rapid.T) action { return s.workOn(t, false) }

func (s *sequence) workOn(t *rapid.T, mayFail bool) action {
	open := s.open()
	if len(open) == 0 {
		return action{}
	}
	id, steps := rapid.SampledFrom(open).Draw(t, "workflow"), rapid.IntRange(1, 4).Draw(t, "steps")
	what, f := "", fault{}
	if mayFail {
		what, f = s.drawFault(t, false)
	}
	return action{fmt.Sprintf("%d steps of %s%s", steps, id, what), func() {
		s.worker.act(f, func() {
			for range steps {
				s.worker.step(s.workOf(id))
			}
		})
	}}
}

// lateWork carries out one step of an execution that is closed: an activity that was running continues. It
// may have been scheduled before a cancel arrived.
func (s *sequence) lateWork(t *rapid.T) action {
	var closed []string
	for _, e := range s.executions() {
		if w := s.works[e.FirstRunID]; w != nil && !w.isLate && e.Status != workflows.ExecutionOpen {
			closed = append(closed, e.FirstRunID)
		}
	}
	if len(closed) == 0 {
		return action{}
	}
	first := rapid.SampledFrom(closed).Draw(t, "execution")
	return action{"a late step of " + first, func() {
		w := s.works[first]
		w.isLate = true
		delete(s.mustCancel, w.ID)
		s.worker.act(fault{}, func() { s.worker.step(w) })
	}}
}

// closeInTemporal closes a workflow as an operator or a timeout does.
func (s *sequence) closeInTemporal(t *rapid.T) action {
	open := s.open()
	if len(open) == 0 {
		return action{}
	}
	id := rapid.SampledFrom(open).Draw(t, "workflow")
	how := rapid.SampledFrom([]workflows.ExecutionStatus{workflows.ExecutionTerminated, workflows.ExecutionTimedOut}).Draw(t, "status")
	return action{fmt.Sprintf("%s: %s", id, how), func() { s.temporal.SetStatus(id, how) }}
}

// reset resets a workflow to its beginning. The run of Temporal is a new one of the same chain.
func (s *sequence) reset(t *rapid.T) action {
	all := s.executions()
	if len(all) == 0 {
		return action{}
	}
	id := rapid.SampledFrom(all).Draw(t, "execution").ID
	return action{"reset " + id, func() {
		delete(s.works, s.temporal.Execution(id).FirstRunID)
		s.temporal.SetStatus(id, workflows.ExecutionOpen)
	}}
}

func (s *sequence) reconcile(t *rapid.T) action {
	p := s.drawBridge(t)
	what, f := s.drawFault(t, false)
	return action{fmt.Sprintf("%s reconciles%s", p.name, what), func() { p.act(f, func() { _ = p.bridge.Reconcile(context.Background()) }) }}
}

func (s *sequence) plainReconcile(t *rapid.T) action {
	p := s.drawBridge(t)
	return action{p.name + " reconciles", func() { p.act(fault{}, func() { _ = p.bridge.Reconcile(context.Background()) }) }}
}

func (s *sequence) time(t *rapid.T) action {
	d := rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "time")
	return action{fmt.Sprint(d, " later"), func() { s.now = s.now.Add(d) }}
}

// backUp backs up the ledger.
func (s *sequence) backUp(*rapid.T) action {
	return action{"back up the ledger", func() {
		backup := s.database.Snapshot()
		s.snapshot = &backup
	}}
}

// restore restores the ledger to its backup. Bridges and workers run on.
func (s *sequence) restore(t *rapid.T) action {
	if s.snapshot == nil || rapid.IntRange(0, 3).Draw(t, "restore") > 0 {
		return action{}
	}
	return action{"restore the ledger", func() {
		s.database.Restore(*s.snapshot)
		s.restored = len(s.commands)
	}}
}
