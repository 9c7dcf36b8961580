package bridge_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
	"github.com/stretchr/testify/require"
)

// fakeTemporal knows workflows by ID.
type fakeTemporal struct {
	world    *world
	runs     map[string]string // workflow ID → its first run, once started
	statuses map[string]workflows.ExecutionStatus
	started  []workflows.StartOptions
	signals  map[string][]workflows.Signal
}

func newFakeTemporal(w *world) *fakeTemporal {
	return &fakeTemporal{world: w, runs: map[string]string{}, statuses: map[string]workflows.ExecutionStatus{}, signals: map[string][]workflows.Signal{}}
}

func (f *fakeTemporal) open(id string) bool { return f.statuses[id] == workflows.ExecutionOpen }

func (f *fakeTemporal) start(e workflows.StartOptions) {
	f.started = append(f.started, e)
	f.statuses[e.ID] = workflows.ExecutionOpen
	f.runs[e.ID] = fmt.Sprintf("run-%d", len(f.started))
}

func (f *fakeTemporal) Start(_ context.Context, e workflows.StartOptions) (run string, err error) {
	err = f.world.effect("start", e.ID, func() error {
		if _, known := f.runs[e.ID]; !known {
			f.start(e)
		}
		run = f.runs[e.ID]
		return nil
	})
	return run, err
}

func (f *fakeTemporal) SignalWithStart(_ context.Context, e workflows.StartOptions, s workflows.Signal) (run string, err error) {
	err = f.world.effect("signal_with_start", e.ID, func() error {
		if _, known := f.runs[e.ID]; !f.open(e.ID) && (!known || !e.Once) {
			f.start(e)
		}
		if f.open(e.ID) {
			f.signals[e.ID] = append(f.signals[e.ID], s)
		}
		run = f.runs[e.ID]
		return nil
	})
	return run, err
}

func (f *fakeTemporal) Signal(_ context.Context, id string, s workflows.Signal) error {
	return f.world.effect("signal", id+" "+s.Name, func() error {
		if !f.open(id) {
			return workflows.ErrNotRunning
		}
		f.signals[id] = append(f.signals[id], s)
		return nil
	})
}

func (f *fakeTemporal) ExecutionStatus(_ context.Context, id, _ string) (status workflows.ExecutionStatus, err error) {
	err = f.world.look("describe", func() {
		if status = f.statuses[id]; status == "" {
			status = workflows.ExecutionNotFound
		}
	})
	return status, err
}

// fakePublisher is a stream that stores an event once.
type fakePublisher struct {
	world       *world
	events      []events.Event
	known       map[string]bool // by Nats-Msg-Id
	deadLetters []deadLetter
}

type deadLetter struct {
	original events.Message
	why      events.Rejection
	attempts uint64
}

func (f *fakePublisher) Publish(_ context.Context, e events.Event) error {
	if err := events.Check(e); err != nil {
		f.world.t.Errorf("publish an invalid event: %v", err)
	}
	return f.world.effect("publish", e.ID(), func() error {
		if id := events.MsgID(e.Source(), e.ID()); !f.known[id] {
			f.known[id] = true
			f.events = append(f.events, e)
		}
		return nil
	})
}

func (f *fakePublisher) PublishAll(ctx context.Context, all []events.Event) []error {
	errs := make([]error, len(all))
	for i, e := range all {
		errs[i] = f.Publish(ctx, e)
	}
	return errs
}

func (f *fakePublisher) DeadLetter(_ context.Context, m events.Message, why events.Rejection, attempts uint64) (string, uint64, error) {
	var sequence uint64
	err := f.world.effect("park", fmt.Sprint(m.Sequence), func() error {
		for i, known := range f.deadLetters {
			if known.original.Sequence == m.Sequence {
				sequence = uint64(i + 1)
				return nil
			}
		}
		f.deadLetters = append(f.deadLetters, deadLetter{m, why, attempts})
		sequence = uint64(len(f.deadLetters))
		return nil
	})
	return "SYNC_DEADLETTER", sequence, err
}

// ids lists the ids of what was published, in order.
func (f *fakePublisher) ids() []string {
	ids := make([]string, len(f.events))
	for i, e := range f.events {
		ids[i] = e.ID()
	}
	return ids
}

// published lists the data of every published event of one type.
func published[T any](t *testing.T, w *world, typ events.Type[T]) []T {
	t.Helper()
	all := []T{}
	for _, e := range w.publisher.events {
		if e.Type() != typ.Name {
			continue
		}
		data, err := typ.Data(e)
		require.NoError(t, err)
		all = append(all, data)
	}
	return all
}

// rejections lists the code and reason of each published sync.rejected.
func (w *world) rejections(t *testing.T) []string {
	t.Helper()
	reasons := []string{}
	for _, data := range published(t, w, events.Rejected) {
		reasons = append(reasons, string(data.Code)+": "+data.Reason)
	}
	return reasons
}

// finish decides a run, as a worker does.
func (w *world) finish(workflowID string, state ledger.RunState) {
	w.temporal.statuses[workflowID] = workflows.ExecutionCompleted
	for _, run := range w.ledger.runs {
		if run.WorkflowID == workflowID && run.State == ledger.Running {
			w.ledger.decide(run, ledger.Finalization{State: state})
		}
	}
}

// recorder is a bridge.Recorder that calls functions; nil ones are not called.
type recorder struct {
	answered   func(kind events.Kind, mode events.Mode, answer string)
	reconciled func(action string, times int)
}

func (r recorder) Answered(kind events.Kind, mode events.Mode, answer string) {
	if r.answered != nil {
		r.answered(kind, mode, answer)
	}
}

func (r recorder) Reconciled(action string, times int) {
	if r.reconciled != nil {
		r.reconciled(action, times)
	}
}
