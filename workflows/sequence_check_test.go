package workflows_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// observations are facts that the final check needs.
type observations struct {
	mustNotComplete map[int64]string  // runs that had to read when a cancel was received
	mustBeCancelled map[string]*chain // requests that waited then, and what received it
	cancelled       map[string]uint64 // chains that received a cancel of the workflow, with the latest time of one
	passes          map[int64]bool    // runs that a cancel of a pass names
}

func newObservations() observations {
	return observations{map[int64]string{}, map[string]*chain{}, map[string]uint64{}, map[int64]bool{}}
}

// pauses says whether a chain has to be paused, from the signals that it received.
type pauses struct {
	limit    time.Duration
	seen     map[string]bool
	last     uint64
	isPaused bool
	since    time.Time // in workflow time
	noticed  instant   // the workflow knows of the pause after it
	isKnown  bool      // noticed is set
}

// instant is a moment in workflow time and in the time that activities take.
type instant struct{ workflow, real time.Time }

func (p *pauses) apply(name string, c workflows.ControlSignal, now instant, isTogether bool) {
	if c.ID != "" && p.seen[c.ID] {
		return
	}
	p.seen[c.ID] = true
	if c.Sequence != 0 {
		if c.Sequence <= p.last {
			return
		}
		p.last = c.Sequence
	}
	p.expire(now.workflow)
	switch {
	case name == workflows.SignalResume:
		p.isPaused = false
	case name == workflows.SignalPause && !p.isPaused:
		p.isPaused, p.since, p.noticed, p.isKnown = true, now.workflow, now, !isTogether
	}
}

func (p *pauses) expire(now time.Time) {
	if p.isPaused && !now.Before(p.since.Add(p.limit)) {
		p.isPaused = false
	}
}

// settle notes that the workflow has a task now.
func (p *pauses) settle(workflow, real time.Time) {
	if p.isPaused && !p.isKnown {
		p.noticed, p.isKnown = instant{workflow, real}, true
	}
}

func (s *sequence) isPaused(c *chain) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.paused.isPaused
}

// received notes that a workflow receives a signal.
func (s *sequence) received(x *execution, signal workflows.Signal, isTogether bool) {
	control, isControl := signal.Payload.(workflows.ControlSignal)
	if !isControl {
		for _, id := range s.queued() {
			x.wakes[id] = true
		}
		return
	}
	s.note("%s receives %s %+v", x.FirstRunID, signal.Name, control)
	now := instant{x.env.Now(), time.Now()}
	s.mu.Lock()
	isRepeated := x.paused.seen[control.ID]
	x.paused.apply(signal.Name, control, now, isTogether)
	s.mu.Unlock()
	switch {
	case signal.Name != workflows.SignalCancel || isRepeated:
	case control.PassOnly:
		s.seen.passes[control.RunNumber] = true
	default:
		s.receivedCancel(x, control.Sequence)
	}
}

// receivedCancel notes that a workflow receives a cancel, which includes the requests that wait and were published
// until then.
func (s *sequence) receivedCancel(x *execution, until uint64) {
	s.seen.cancelled[x.FirstRunID] = max(s.seen.cancelled[x.FirstRunID], until)
	if run, found := s.runOf(x.FirstRunID); found {
		if slices.ContainsFunc(run.Results, func(r events.Result) bool { return r.Status == "" }) {
			s.seen.mustNotComplete[run.Number] = x.FirstRunID
		}
	}
	for _, r := range s.database.Requests() {
		if r.RunNumber == 0 && r.WorkflowID == x.ID && r.IsPublishedUntil(until) {
			s.seen.mustBeCancelled[r.ID] = x.chain
		}
	}
}

// checkNotPaused checks that a slice does not begin while its workflow is paused.
func (s *sequence) checkNotPaused(x *execution, in activities.SliceInput) {
	now := instant{x.env.Now(), time.Now()}
	s.mu.Lock()
	p := &x.paused
	p.expire(now.workflow)
	isWrong := s.current == x && p.isPaused && p.isKnown && p.noticed != now
	s.mu.Unlock()
	if isWrong {
		s.fail("run %d begins to read %s although %s is paused", in.RunNumber, in.Entity, x.FirstRunID)
	}
}

// checkClosed checks what must hold when a workflow has closed.
func (s *sequence) checkClosed(x *execution, status workflows.ExecutionStatus) {
	waiting := s.queued()
	for _, id := range waiting {
		if x.wakes[id] {
			s.fail("%s ends although request %s waits", x.FirstRunID, s.eventOf(id))
		}
	}
	var runs []ledger.Run
	for _, run := range s.database.Runs() {
		if run.FirstRunID == x.FirstRunID && run.Pass > 0 {
			runs = append(runs, run)
		}
	}
	for i, run := range runs {
		if run.State == ledger.Running || !run.Published {
			s.fail("%s ends, and run %d is %s, published: %v", x.FirstRunID, run.Number, run.State, run.Published)
		}
		if run.Pass != i+1 {
			s.fail("run %d is pass %d of %s, want %d", run.Number, run.Pass, x.FirstRunID, i+1)
		}
	}
	var result workflows.IncrementalResult
	if workflows.ServesTenant(x.ID) && status == workflows.ExecutionCompleted && x.env.GetWorkflowResult(&result) == nil && result.Passes != len(runs) {
		s.fail("%s ends after %d passes, and has %d runs", x.FirstRunID, result.Passes, len(runs))
	}
}

// eventOf returns the event id of a request.
func (s *sequence) eventOf(requestID string) string {
	for _, r := range s.database.Requests() {
		if r.ID == requestID {
			return r.EventID
		}
	}
	return requestID
}

// check checks what must hold when everything is idle.
func (s *sequence) check() {
	for _, check := range []func(){s.checkCommands, s.checkOutcomes, s.checkRuns, s.checkCancels, s.checkEvents, s.checkRows} {
		if s.failure == "" {
			check()
		}
	}
}

// checkCommands checks that each command is settled and has exactly one answer, and each control that is rejected as too
// late was not received.
func (s *sequence) checkCommands() {
	answers := map[string]int{}
	for _, e := range s.stream.Events() {
		switch e.Type() {
		case events.Accepted.Name:
			data, _ := events.Accepted.Data(e)
			answers[data.Message]++
		case events.Rejected.Name:
			place, _, _ := strings.Cut(e.ID(), "/")
			answers[place]++
		}
	}
	for _, c := range s.commands {
		if !c.isSettled || answers[c.event.Place()] != 1 {
			s.fail("command %s is settled: %v, and has %d answers, want one", c.id, c.isSettled, answers[c.event.Place()])
		}
	}
	for _, c := range s.database.Controls() {
		if c.State == ledger.ControlPending {
			s.fail("control %s is pending", c.EventID)
		}
	}
}

// checkOutcomes checks that each request has exactly one outcome.
func (s *sequence) checkOutcomes() {
	outcomes := map[string][]string{}
	for _, e := range s.stream.Events() {
		for _, typ := range []events.Type[events.OutcomeData]{events.Completed, events.Failed, events.Cancelled} {
			if e.Type() == typ.Name {
				data, _ := typ.Data(e)
				for _, r := range data.Requests {
					outcomes[r.RequestID] = append(outcomes[r.RequestID], e.ID())
				}
			}
		}
	}
	for _, r := range s.database.Requests() {
		if len(outcomes[r.ID]) != 1 {
			s.fail("request %s has the outcomes %q, want one", r.EventID, outcomes[r.ID])
		}
	}
}

// checkRuns checks that each run has an outcome, and that nothing was stored for it afterwards.
func (s *sequence) checkRuns() {
	passes := map[string]int{}
	for _, run := range s.database.Runs() {
		if run.State == ledger.Running || !run.Published {
			s.fail("run %d is %s, published: %v", run.Number, run.State, run.Published)
		}
		if run.Pass > 0 && run.Pass <= passes[run.FirstRunID] {
			s.fail("run %d is pass %d, after pass %d", run.Number, run.Pass, passes[run.FirstRunID])
		}
		passes[run.FirstRunID] = run.Pass
		for _, result := range run.Results {
			if at := s.database.Position(run.Number, result.Entity); at.Pages != result.Pages || at.Fetched != result.Fetched {
				s.fail("run %d has %d pages of %s, and its outcome %d", run.Number, at.Pages, result.Entity, result.Pages)
			}
		}
	}
}

// checkCancels checks that a cancel ends what it means, and nothing else.
func (s *sequence) checkCancels() {
	for _, run := range s.database.Runs() {
		latest, isCancelled := s.seen.cancelled[run.FirstRunID]
		if by, must := s.seen.mustNotComplete[run.Number]; must && run.State == ledger.Completed {
			s.fail("run %d is completed although %s received a cancel while it was reading", run.Number, by)
		}
		for _, r := range run.Requests {
			if c := s.seen.mustBeCancelled[r.ID]; c != nil && !c.isTerminated && run.State == ledger.Completed {
				s.fail("request %s is completed although it waited when %s received a cancel", r.EventID, c.firstRunID)
			}
			if run.State == ledger.Cancelled && r.ReceivedAt.After(run.StartedAt) && isCancelled && !r.IsPublishedUntil(latest) {
				s.fail("request %s is cancelled with run %d, which had begun without it, although it was published after every cancel", r.EventID, run.Number)
			}
		}
		if run.Pass > 0 && run.State == ledger.Cancelled && run.Reason != "pause expired" && !isCancelled && !s.seen.passes[run.Number] && !s.seen.passes[0] {
			s.fail("run %d is cancelled (%s), and nothing cancelled it", run.Number, run.Reason)
		}
	}
}

// checkEvents checks the events of each run: one start before one outcome, and pauses and resumes in turn between them.
func (s *sequence) checkEvents() {
	published, byRun := map[string]bool{}, map[string][]string{}
	for _, e := range s.stream.Events() {
		published[e.ID()] = true
		if i := strings.LastIndex(e.ID(), "/"); i >= 0 && published[e.ID()[:i]] && e.Type() != events.Rejected.Name {
			s.fail("%s is published a second time, as %s", e.ID()[:i], e.ID())
		}
		for _, typ := range []string{events.Started.Name, events.Paused.Name, events.Resumed.Name, events.Completed.Name, events.Failed.Name, events.Cancelled.Name} {
			if e.Type() == typ {
				run, _, _ := strings.Cut(e.ID(), "/"+typ)
				byRun[run] = append(byRun[run], strings.TrimSuffix(strings.TrimPrefix(typ, "com.lazi.sync."), ".v1"))
			}
		}
	}
	for _, run := range s.database.Runs() {
		all := byRun[fmt.Sprintf("%s/%d", run.FirstRunID, run.Pass)]
		if c := s.chains[run.FirstRunID]; run.Pass == 0 || c == nil || c.isTerminated || run.Error != nil && run.Error.Type == events.Terminated {
			continue // a late attempt may publish its start after the outcome, or another execution has finalized it
		}
		last := len(all) - 1
		isRight := last > 0 && all[0] == "started" && all[last] == string(run.State)
		for i := 1; i < last && isRight; i++ {
			isRight = all[i] == []string{"resumed", "paused"}[i%2]
		}
		if !isRight {
			s.fail("run %d has the events %q", run.Number, all)
		}
	}
}

// checkRows checks that the last run has read everything, and that the rows are those of the API.
func (s *sequence) checkRows() {
	runs := s.database.Runs()
	if run := runs[len(runs)-1]; run.State != ledger.Completed {
		s.fail("run %d, the last one, is %s, want completed", run.Number, run.State)
	}
	for _, name := range entityNames {
		for _, r := range s.source.feeds[name] {
			raw, deletedAt := s.database.Row(tenant, name, strconv.Itoa(r.id))
			if string(raw) != string(r.raw()) || !deletedAt.IsZero() {
				s.fail("%s %d is %s in the copy, deleted at %v, want %s", name, r.id, raw, deletedAt, r.raw())
			}
		}
	}
}
