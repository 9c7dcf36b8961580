package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

var errCrashed = errors.New("the process has crashed")

// world is an in-memory environment of a bridge: ledger, Temporal, streams and messages. It
// records every effect, fails on demand, and can crash the bridge after any effect: later
// calls then have none.
type world struct {
	t        *testing.T
	mu       sync.Mutex
	effects  []string
	crashAt  int // after this many effects, 0 for never
	crashed  bool
	failures map[string]error // by method
	failing  func(detail string) error
	before   func(method string) // called before an effect; nil calls nothing
	now      time.Time
	sequence uint64

	ledger    *memory.Ledger
	temporal  *memory.Temporal
	publisher *memory.Publisher
	bridge    *bridge.Bridge
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, failures: map[string]error{}, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	database := memory.NewDatabase()
	database.Now = func() time.Time { return w.now }
	w.ledger = &memory.Ledger{Database: database, Call: w.call}
	w.temporal = &memory.Temporal{TemporalServer: &memory.TemporalServer{}, Call: w.call}
	w.publisher = &memory.Publisher{Stream: &memory.Stream{}, Call: w.call}
	w.bridge = bridge.New(bridge.Options{
		Ledger: w.ledger, Publisher: w.publisher, Temporal: w.temporal, Logger: zerolog.New(zerolog.NewTestWriter(t)),
		Tenants:       []bridge.Tenant{{ID: "985", Entities: []string{"jobs", "customers"}, Channel: "#sync-alerts"}},
		KnownEntities: []string{"customers", "jobs", "invoices", "estimates"},
		RetryDelay:    func(deliveries uint64) time.Duration { return time.Duration(deliveries) * time.Second },
		Now:           func() time.Time { return w.now },
	})
	return w
}

// call makes a call of a port.
func (w *world) call(op memory.Op, do func() error) error {
	if op.Reads {
		return w.read(op.Method, do)
	}
	return w.effect(op.Method, op.Detail, do)
}

// effect makes a change, unless it must fail or the bridge has crashed.
func (w *world) effect(name, detail string, change func() error) error {
	if w.before != nil {
		w.before(name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crashed {
		return errCrashed
	}
	if err := w.failures[name]; err != nil {
		return err
	}
	if w.failing != nil && w.failing(detail) != nil {
		return w.failing(detail)
	}
	if err := change(); err != nil {
		return err
	}
	w.effects = append(w.effects, name+" "+detail)
	w.crashed = len(w.effects) == w.crashAt
	return nil
}

// read makes a read.
func (w *world) read(name string, read func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crashed {
		return errCrashed
	}
	if err := w.failures[name]; err != nil {
		return err
	}
	return read()
}

// restart restarts a crashed bridge.
func (w *world) restart() { w.crashed, w.crashAt = false, 0 }

// count returns the number of effects with a name.
func (w *world) count(name string) int {
	n := 0
	for _, e := range w.effects {
		var first string
		_, _ = fmt.Sscan(e, &first)
		if first == name {
			n++
		}
	}
	return n
}

// message is one message of the command stream.
type message struct {
	world      *world
	event      events.Message
	deliveries uint64
	span       string // traceparent of the span of the delivery, "" without traces
	ended      string // how its delivery ended: "acked" or "terminated: why"
	confirm    func() // waits for the confirmation of the server; nil does not wait
	delays     []time.Duration
}

func (m *message) Event() events.Message { return m.event }
func (m *message) Deliveries() uint64    { return m.deliveries }

func (m *message) Context(ctx context.Context) context.Context {
	return events.WithTraceParent(ctx, m.span)
}

func (m *message) Ack(context.Context) error {
	if m.confirm != nil {
		m.confirm()
	}
	return m.world.effect("ack", fmt.Sprint(m.event.Sequence), func() error { m.ended = "acked"; return nil })
}

func (m *message) Retry(delay time.Duration) error {
	return m.world.effect("retry", fmt.Sprint(m.event.Sequence), func() error { m.delays = append(m.delays, delay); return nil })
}

func (m *message) Term(reason string) error {
	return m.world.effect("term", fmt.Sprint(m.event.Sequence), func() error { m.ended = "terminated: " + reason; return nil })
}

// raw creates a message with any body.
func (w *world) raw(subject, body string) *message {
	w.sequence++
	return &message{world: w, deliveries: 1, event: events.Message{
		Subject: subject, Data: []byte(body), Stream: "SYNC_COMMANDS", Sequence: w.sequence, Stored: w.now.Add(time.Duration(w.sequence)),
	}}
}

// requested creates a sync.requested.
func (w *world) requested(t *testing.T, id string, data events.RequestData) *message {
	t.Helper()
	return structured(t, w, events.Requested, id, data)
}

// control creates a sync.control.
func (w *world) control(t *testing.T, id string, data events.ControlData) *message {
	t.Helper()
	return structured(t, w, events.Control, id, data)
}

func structured[T any](t *testing.T, w *world, typ events.Type[T], id string, data T) *message {
	t.Helper()
	event, err := typ.New(events.Attributes{ID: id, Source: "/test"}, data)
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	m := w.raw(typ.Subject, string(encoded))
	m.event.Header = events.Header(event)
	return m
}

func (w *world) requests(messages ...*message) error {
	batch := make([]bridge.Message, len(messages))
	for i, m := range messages {
		batch[i] = m
	}
	return w.bridge.HandleRequests(context.Background(), batch)
}

func (w *world) controls(messages ...*message) error {
	for _, m := range messages {
		if err := w.bridge.HandleControl(context.Background(), m); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) reconcile() error { return w.bridge.Reconcile(context.Background()) }

// request is the ledger's row of a request of /test.
func (w *world) request(id string) ledger.Request {
	return w.row(events.RequestID("/test", id))
}

// row is the ledger's row of a request.
func (w *world) row(requestID string) ledger.Request {
	for _, r := range w.ledger.Requests() {
		if r.ID == requestID {
			return r
		}
	}
	return ledger.Request{}
}

// recorded is the ledger's row of a control of /test.
func (w *world) recorded(id string) ledger.Control {
	for _, c := range w.ledger.Controls() {
		if c.ID == events.RequestID("/test", id) {
			return c
		}
	}
	return ledger.Control{}
}

// ofSource lists the ledger's requests of a source.
func (w *world) ofSource(source string) []ledger.Request {
	return slices.DeleteFunc(w.ledger.Requests(), func(r ledger.Request) bool { return r.Source != source })
}

// firstRun is the first run of the latest execution of a workflow.
func (w *world) firstRun(workflowID string) (firstRunID string) {
	for _, e := range w.temporal.Executions() {
		if e.ID == workflowID {
			firstRunID = e.FirstRunID
		}
	}
	return firstRunID
}

// signals lists the signals that workflows received, by workflow ID.
func (w *world) signals() map[string][]workflows.Signal {
	signals := map[string][]workflows.Signal{}
	for _, e := range w.temporal.Executions() {
		if len(e.Signals) > 0 {
			signals[e.ID] = append(signals[e.ID], e.Signals...)
		}
	}
	return signals
}

// worker is a connection to the ledger that never fails.
func (w *world) worker() *memory.Ledger { return &memory.Ledger{Database: w.ledger.Database} }

// serve begins the run of a request of /test, as a worker does. An incremental pass serves every queued request.
func (w *world) serve(t *testing.T, id string) ledger.Run {
	t.Helper()
	return w.begin(t, w.request(id))
}

func (w *world) begin(t *testing.T, r ledger.Request) ledger.Run {
	t.Helper()
	in := ledger.BeginInput{TenantID: r.TenantID, Mode: r.Mode, WorkflowID: r.WorkflowID, FirstRunID: r.FirstRunID, Pass: 1, RequestID: r.ID, Refreshes: true}
	for _, run := range w.ledger.Runs() {
		if run.WorkflowID == in.WorkflowID && run.FirstRunID == in.FirstRunID {
			in.Pass = max(in.Pass, run.Pass+1)
		}
	}
	run, found, err := w.worker().BeginRun(t.Context(), in)
	require.NoError(t, err)
	require.True(t, found)
	return run
}

// finish closes a workflow and finalizes its run, as a worker does.
func (w *world) finish(t *testing.T, workflowID string, state ledger.RunState) {
	t.Helper()
	w.temporal.SetStatus(workflowID, workflows.ExecutionCompleted)
	for _, run := range w.ledger.Runs() {
		if run.WorkflowID != workflowID || run.State != ledger.Running {
			continue
		}
		for _, r := range run.Results {
			if state == ledger.Completed && r.Status == "" {
				w.ledger.EndEntity(run.Number, r.Entity, events.StatusCompleted)
			}
		}
		_, err := w.worker().Finalize(t.Context(), run.Ref(), ledger.Finalization{State: state})
		require.NoError(t, err)
	}
}
