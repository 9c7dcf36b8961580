package bridge_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// fakeLedger is a ledger in memory with the semantics of the real one.
type fakeLedger struct {
	world       *world
	requests    map[string]*ledger.Receipt
	order       []string
	controls    map[string]*ledger.Control
	settled     map[string]time.Time // controls, by ID
	runs        []*ledger.Run
	skipped     []string // by every run
	pruned      int
	kept        time.Duration
	oldChanges  int64
	keptChanges time.Duration

	stagingTables int
	raised        int64 // how far run numbers were raised

	settledBefore func(*ledger.Control) // what another bridge does at the last moment
}

func newFakeLedger(w *world) *fakeLedger {
	return &fakeLedger{world: w, requests: map[string]*ledger.Receipt{}, controls: map[string]*ledger.Control{}, settled: map[string]time.Time{}}
}

func (f *fakeLedger) Receive(_ context.Context, requests []ledger.Request) (receipts []ledger.Receipt, err error) {
	err = f.world.effect("receive", fmt.Sprint(len(requests)), func() error {
		for _, r := range requests {
			held, repeated := f.requests[r.ID]
			if f.controls[r.ID] != nil {
				held, repeated = &ledger.Receipt{}, true
			}
			if !repeated {
				if r.Wait > 0 {
					r.ReceivedAt = f.world.now.Add(r.Wait)
				}
				held = &ledger.Receipt{Request: r}
				f.requests[r.ID] = held
				f.order = append(f.order, r.ID)
			}
			receipt := ledger.Receipt{Request: held.Request, Repeated: repeated, Conflict: held.Digest != r.Digest}
			if run := f.run(held.RunNumber); run != nil && run.State != ledger.Running {
				receipt.Outcome = &ledger.Outcome{State: run.State, RunNumber: run.Number, Skipped: f.skipped}
			}
			receipts = append(receipts, receipt)
		}
		return nil
	})
	return receipts, err
}

func (f *fakeLedger) Accept(_ context.Context, firstRunIDs map[string]string) (map[string]string, error) {
	accepted := map[string]string{}
	ids := slices.Sorted(maps.Keys(firstRunIDs))
	err := f.world.effect("accept", strings.Join(ids, ","), func() error {
		for _, id := range ids {
			r := f.requests[id]
			if r.State == ledger.Received {
				r.State, r.FirstRunID = ledger.Accepted, firstRunIDs[id]
			}
			accepted[id] = r.FirstRunID
		}
		return nil
	})
	return accepted, err
}

func (f *fakeLedger) filter(is func(ledger.Request) bool) (found []ledger.Request) {
	for _, id := range f.order {
		if r := f.requests[id].Request; is(r) {
			found = append(found, r)
		}
	}
	return found
}

func (f *fakeLedger) FindRequests(_ context.Context, ref string) (found []ledger.Request, err error) {
	err = f.world.look("find", func() {
		found = f.filter(func(r ledger.Request) bool { return r.ID == ref })
		if len(found) == 0 {
			found = f.filter(func(r ledger.Request) bool { return r.EventID == ref })
		}
		found = found[:min(2, len(found))]
	})
	return found, err
}

func (f *fakeLedger) WithdrawRequest(_ context.Context, id, reason string) (w ledger.Run, passEmpty bool, err error) {
	var decided error
	err = f.world.effect("withdraw", id, func() error {
		r := f.requests[id]
		from := f.run(r.RunNumber)
		if from != nil && from.State != ledger.Running {
			w, decided = *from, ledger.ErrFinalized
			return nil
		}
		if from != nil {
			from.Requests = slices.DeleteFunc(from.Requests, func(q ledger.Request) bool { return q.ID == id })
			passEmpty = len(from.Requests) == 0
		}
		run := f.begin(r, ledger.WithdrawnPrefix+id)
		f.decide(run, ledger.Finalization{State: ledger.Cancelled, Reason: reason})
		w = *run
		return nil
	})
	if err == nil {
		err = decided
	}
	return w, passEmpty, err
}

func (f *fakeLedger) Unstarted(_ context.Context, olderThan time.Duration) (found []ledger.Request, err error) {
	err = f.world.look("unstarted", func() {
		found = f.filter(func(r ledger.Request) bool {
			return f.older(r.ReceivedAt, olderThan) &&
				(r.State == ledger.Received || r.Mode == events.Incremental && r.RunNumber == 0) ||
				r.State == ledger.Received && r.Source == ledger.SecondPassSource && !r.ReceivedAt.After(f.world.now)
		})
	})
	return found, err
}

func (f *fakeLedger) AcceptedWithoutRun(_ context.Context, olderThan time.Duration) (found []ledger.Request, err error) {
	err = f.world.look("withoutrun", func() {
		found = f.filter(func(r ledger.Request) bool {
			return f.older(r.ReceivedAt, olderThan) && r.State == ledger.Accepted && r.Mode != events.Incremental && r.RunNumber == 0
		})
	})
	return found, err
}

func (f *fakeLedger) older(t time.Time, age time.Duration) bool { return f.world.now.Sub(t) > age }

func (f *fakeLedger) RecordControl(_ context.Context, c ledger.Control) (held ledger.Control, repeated bool, err error) {
	err = f.world.effect("record", c.ID, func() error {
		if f.requests[c.ID] != nil {
			return ledger.ErrConflict
		}
		old := f.controls[c.ID]
		replayed := old != nil && old.State == ledger.ControlRejected && old.Sequence != c.Sequence
		if repeated = old != nil && !replayed; !repeated {
			f.controls[c.ID] = &c
		}
		held = *f.controls[c.ID]
		return nil
	})
	return held, repeated, err
}

func (f *fakeLedger) HasControl(_ context.Context, id string) (has bool, err error) {
	err = f.world.look("control", func() { has = f.controls[id] != nil })
	return has, err
}

func (f *fakeLedger) SettleControl(_ context.Context, settled ledger.Control) (stands ledger.Control, err error) {
	err = f.world.effect("settle", settled.ID+" "+string(settled.State), func() error {
		c := f.controls[settled.ID]
		if f.settledBefore != nil {
			f.settledBefore(c)
		}
		if c.State == ledger.ControlPending {
			c.State, c.Rejection, c.Applied = settled.State, settled.Rejection, settled.Applied
			f.settled[c.ID] = f.world.now
		}
		stands = *c
		return nil
	})
	return stands, err
}

func (f *fakeLedger) MarkControlAnswered(_ context.Context, id string) error {
	return f.world.effect("answered", id, func() error { f.controls[id].Answered = true; return nil })
}

func (f *fakeLedger) UnansweredControls(_ context.Context, olderThan time.Duration) (found []ledger.Control, err error) {
	err = f.world.look("unanswered", func() {
		for _, c := range f.controls {
			if c.State != ledger.ControlPending && !c.Answered && f.older(f.settled[c.ID], olderThan) {
				found = append(found, *c)
			}
		}
	})
	return found, err
}

func (f *fakeLedger) PendingControls(context.Context) (found []ledger.Control, err error) {
	err = f.world.look("pending", func() {
		for _, c := range f.controls {
			if c.State == ledger.ControlPending {
				found = append(found, *c)
			}
		}
		slices.SortFunc(found, func(a, b ledger.Control) int { return int(a.Sequence) - int(b.Sequence) })
	})
	return found, err
}

// begin gives requests a run, as a worker does; the request is detached from any other.
func (f *fakeLedger) begin(first *ledger.Receipt, firstRunID string, more ...*ledger.Receipt) *ledger.Run {
	run := &ledger.Run{
		Number: int64(len(f.runs) + 1), TenantID: first.TenantID, Mode: first.Mode, WorkflowID: first.WorkflowID,
		FirstRunID: firstRunID, Entities: first.Entities, State: ledger.Running, StartedAt: f.world.now,
	}
	f.runs = append(f.runs, run)
	for _, r := range append([]*ledger.Receipt{first}, more...) {
		r.RunNumber = run.Number
		run.Requests = append(run.Requests, r.Request)
	}
	return run
}

// serve begins a run for requests of /test.
func (f *fakeLedger) serve(ids ...string) *ledger.Run {
	receipts := make([]*ledger.Receipt, len(ids))
	for i, id := range ids {
		receipts[i] = f.requests[events.RequestID("/test", id)]
	}
	return f.begin(receipts[0], f.world.temporal.runs[receipts[0].WorkflowID], receipts[1:]...)
}

func (f *fakeLedger) decide(run *ledger.Run, d ledger.Finalization) {
	if run.State == ledger.Running {
		run.State, run.Error, run.Reason, run.FinishedAt = d.State, d.Error, d.Reason, f.world.now
	}
}

func (f *fakeLedger) run(number int64) *ledger.Run {
	if number == 0 {
		return nil
	}
	return f.runs[number-1]
}

func (f *fakeLedger) runsIn(is func(*ledger.Run) bool) (found []ledger.Run) {
	for _, run := range f.runs {
		if is(run) {
			found = append(found, *run)
		}
	}
	return found
}

func (f *fakeLedger) Run(_ context.Context, number int64) (run ledger.Run, err error) {
	err = f.world.look("run", func() { run = *f.run(number) })
	return run, err
}

func (f *fakeLedger) Workflow(_ context.Context, id string) (state ledger.WorkflowState, err error) {
	err = f.world.look("workflow", func() {
		given := f.filter(func(r ledger.Request) bool { return r.WorkflowID == id })
		state.Known = len(given) > 0
		state.Finished = state.Known && !slices.ContainsFunc(given, func(r ledger.Request) bool {
			return r.RunNumber == 0 || f.run(r.RunNumber).State == ledger.Running
		})
	})
	return state, err
}

func (f *fakeLedger) Unfinalized(context.Context) (found []ledger.Run, err error) {
	err = f.world.look("undecided", func() {
		found = f.runsIn(func(run *ledger.Run) bool { return run.State == ledger.Running })
	})
	return found, err
}

func (f *fakeLedger) Finalize(_ context.Context, ref ledger.Ref, d ledger.Finalization) (run ledger.Run, err error) {
	number := ref.Number
	err = f.world.effect("decide", fmt.Sprint(number), func() error {
		f.decide(f.run(number), d)
		run = *f.run(number)
		return nil
	})
	return run, err
}

func (f *fakeLedger) FinalizeUnstarted(_ context.Context, id string, d ledger.Finalization) (run ledger.Run, err error) {
	err = f.world.effect("unbegun", id, func() error {
		r := f.requests[id]
		if r.RunNumber == 0 {
			f.decide(f.begin(r, r.FirstRunID), d)
		}
		run = *f.run(r.RunNumber)
		return nil
	})
	return run, err
}

func (f *fakeLedger) RunHeader(ctx context.Context, number int64) (ledger.Run, error) {
	return f.Run(ctx, number)
}

func (f *fakeLedger) Unpublished(context.Context) (found []ledger.Run, err error) {
	err = f.world.look("unpublished", func() {
		found = f.runsIn(func(run *ledger.Run) bool { return run.State != ledger.Running && !run.Published })
	})
	return found, err
}

func (f *fakeLedger) MarkPublished(_ context.Context, ref ledger.Ref) error {
	number := ref.Number
	return f.world.effect("mark", fmt.Sprint(number), func() error { f.run(number).Published = true; return nil })
}

func (f *fakeLedger) RaiseRunNumbers(_ context.Context, inStream int64) (given int64, raised bool, err error) {
	given = int64(len(f.runs)) + f.raised
	if inStream > given {
		f.raised, raised = inStream-int64(len(f.runs)), true
	}
	return given, raised, nil
}

func (f *fakeLedger) DropStagingTables(context.Context) (dropped int, err error) {
	err = f.world.look("sides", func() { dropped, f.stagingTables = f.stagingTables, 0 })
	return dropped, err
}

func (f *fakeLedger) Prune(_ context.Context, keep time.Duration) (int64, error) {
	f.pruned, f.kept = f.pruned+1, keep
	return 0, nil
}

func (f *fakeLedger) PruneChanges(_ context.Context, keep time.Duration) (int64, error) {
	f.keptChanges = keep
	return f.oldChanges, nil
}
