package bridge_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

const (
	// idleRounds is how many rounds a deployment may take to become idle, beside one for each command: each
	// round delivers one control.
	idleRounds = 30
	// quietRounds is how many rounds follow in which only the reconcilers have something to do.
	quietRounds = 3
)

// becomeIdle lets the deployment become idle: nothing fails, paused workflows are resumed, everything is
// delivered, and every workflow ends.
func (s *sequence) becomeIdle() {
	for round, quiet := 0, 0; round < idleRounds+len(s.commands) && quiet < quietRounds; round++ {
		if quiet++; !s.isIdle() {
			quiet = 0
		}
		for _, subject := range []string{events.Requested.Subject, events.Control.Subject} {
			for _, c := range s.deliverable(subject) {
				s.deployment.deliver(s.bridges[0], c)
			}
		}
		for _, id := range s.open() {
			w := s.workOf(id)
			for range 8 {
				w.receive()
				w.paused = false
				s.worker.step(w)
				w = s.workOf(id)
			}
		}
		s.now = s.now.Add(time.Minute)
		for _, p := range s.bridges {
			if err := p.bridge.Reconcile(context.Background()); err != nil {
				s.t.Fatalf("reconcile when idle: %v", err)
			}
		}
	}
	for _, c := range s.commands {
		if !c.isSettled {
			s.t.Fatalf("command %d is not settled: %s", c.event.Sequence, c.id)
		}
	}
	if open := s.open(); len(open) > 0 {
		s.t.Fatalf("workflows are open: %v", open)
	}
}

// isIdle reports whether every command is settled and every workflow closed.
func (s *sequence) isIdle() bool {
	return len(s.open()) == 0 && !slices.ContainsFunc(s.commands, func(c *command) bool { return !c.isSettled })
}

// check checks what must hold when the deployment is idle. What was published before the ledger was restored may have been
// forgotten, or be processed again.
func (s *sequence) check(t *rapid.T) {
	s.checkAnswers(t)
	s.checkOutcomes(t)
	if s.restored == 0 {
		s.checkConflicts(t)
		s.checkControls(t)
		s.checkStream(t)
	}
}

// answers lists the ids of the answers to each message, by its place.
func (s *sequence) answers(t *rapid.T) map[string][]string {
	answers := map[string][]string{}
	for _, e := range s.stream.Events() {
		switch e.Type() {
		case events.Accepted.Name:
			var data events.AcceptedData
			if err := e.DataAs(&data); err != nil {
				t.Fatal(err)
			}
			answers[data.Message] = append(answers[data.Message], e.ID())
		case events.Rejected.Name:
			place, _, _ := strings.Cut(e.ID(), "/")
			answers[place] = append(answers[place], e.ID())
		}
	}
	return answers
}

// checkAnswers checks that each command has exactly one answer.
func (s *sequence) checkAnswers(t *rapid.T) {
	answers := s.answers(t)
	for _, c := range s.commands[s.restored:] {
		if ids := answers[c.event.Place()]; len(ids) != 1 {
			t.Fatalf("command %d (%s) has the answers %q, want one", c.event.Sequence, c.id, ids)
		}
	}
}

// checkConflicts checks that a request is accepted only if its data are those of the request that is recorded under
// its id.
func (s *sequence) checkConflicts(t *rapid.T) {
	requests, answers := s.database.Requests(), s.answers(t)
	for _, c := range s.commands {
		event, err := events.Decode(c.event)
		if err != nil || c.event.Subject != events.Requested.Subject {
			continue
		}
		data, err := events.Requested.Data(event)
		if err != nil {
			t.Fatal(err)
		}
		id := events.RequestID(event.Source(), event.ID())
		i := slices.IndexFunc(requests, func(r ledger.Request) bool { return r.ID == id })
		isFirst := i >= 0 && requests[i].Mode == data.Mode
		if isRejected := strings.HasSuffix(answers[c.event.Place()][0], "/rejected"); isFirst == isRejected {
			t.Fatalf("command %d (%s) is rejected: %v, want a rejection only if its data differ from those of the recorded request", c.event.Sequence, c.id, isRejected)
		}
	}
}

// checkControls checks that no control that a workflow received is rejected as too late. The outcome of a run
// decides that of a cancel.
func (s *sequence) checkControls(t *rapid.T) {
	tooLate := map[string]ledger.Control{}
	for _, c := range s.database.Controls() {
		if c.State == ledger.ControlRejected && c.Rejection.Code == events.CodeFinishedRun {
			tooLate[c.ID] = c
		}
	}
	for _, e := range s.executions() {
		for _, signal := range e.Signals {
			payload, isControl := signal.Payload.(workflows.ControlSignal)
			c, isTooLate := tooLate[payload.ID]
			if !isControl || !isTooLate || payload.PassOnly || c.Action == events.Cancel && !workflows.ServesTenant(e.ID) {
				continue
			}
			t.Fatalf("control %s (%s) is rejected as too late, and %s received it", c.EventID, c.Action, e.ID)
		}
	}
}

// checkOutcomes checks that each accepted request has exactly one outcome.
func (s *sequence) checkOutcomes(t *rapid.T) {
	outcomes := map[string][]string{} // by request ID
	for _, e := range s.stream.Events() {
		for _, typ := range []events.Type[events.OutcomeData]{events.Completed, events.Failed, events.Cancelled} {
			if e.Type() != typ.Name {
				continue
			}
			var data events.OutcomeData
			if err := e.DataAs(&data); err != nil {
				t.Fatal(err)
			}
			for _, r := range data.Requests {
				outcomes[r.RequestID] = append(outcomes[r.RequestID], e.ID())
			}
		}
	}
	for _, r := range s.database.Requests() {
		if i := s.firstMessage(r.ID); len(outcomes[r.ID]) != 1 && i >= s.restored {
			t.Fatalf("request %s has the outcomes %q, want one", r.EventID, outcomes[r.ID])
		}
	}
}

// firstMessage returns the index of the first command with the ID of a request.
func (s *sequence) firstMessage(requestID string) int {
	return slices.IndexFunc(s.commands, func(c *command) bool {
		event, err := events.Decode(c.event)
		return err == nil && events.RequestID(event.Source(), event.ID()) == requestID
	})
}

// checkStream checks that the ledger agrees with the stream, and that nothing was published twice.
func (s *sequence) checkStream(t *rapid.T) {
	published := map[string]bool{}
	for _, e := range s.stream.Events() {
		published[e.ID()] = true
	}
	for _, e := range s.stream.Events() {
		if i := strings.LastIndex(e.ID(), "/"); i >= 0 && published[e.ID()[:i]] && e.Type() != events.Rejected.Name {
			t.Fatalf("%s is published a second time, as %s", e.ID()[:i], e.ID())
		}
	}
	full := map[string]int64{}
	for _, run := range s.database.Runs() {
		if run.State == ledger.Running || !run.Published || !published[run.EventID(run.State.EventType())] {
			t.Fatalf("run %d is %s, published: %v, want an outcome that is published", run.Number, run.State, run.Published)
		}
		if other := full[run.WorkflowID]; other != 0 && !workflows.ServesTenant(run.WorkflowID) {
			t.Fatalf("%s has the runs %d and %d, want one", run.WorkflowID, other, run.Number)
		}
		full[run.WorkflowID] = run.Number
		if s.mustCancel[run.WorkflowID] && run.State == ledger.Completed {
			t.Fatalf("%s is completed, want it cancelled: it had not begun to finalize its run when it received the cancel", run.WorkflowID)
		}
	}
	if dead := len(s.stream.DeadLetters()); dead != s.count(events.Rejected.Name) {
		t.Fatalf("there are %d dead letters and %d rejections, want one of each", dead, s.count(events.Rejected.Name))
	}
}

func (s *sequence) count(eventType string) (n int) {
	for _, e := range s.stream.Events() {
		if e.Type() == eventType {
			n++
		}
	}
	return n
}
