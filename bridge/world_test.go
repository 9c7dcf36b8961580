package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
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
	failures map[string]error // by the first word of an effect
	failing  func(detail string) error
	now      time.Time
	sequence uint64

	ledger    *fakeLedger
	temporal  *fakeTemporal
	publisher *fakePublisher
	bridge    *bridge.Bridge
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, failures: map[string]error{}, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	w.ledger, w.temporal, w.publisher = newFakeLedger(w), newFakeTemporal(w), &fakePublisher{world: w, known: map[string]bool{}}
	w.bridge = bridge.New(bridge.Options{
		Ledger: w.ledger, Publisher: w.publisher, Temporal: w.temporal, Logger: zerolog.New(zerolog.NewTestWriter(t)),
		Tenants:       []bridge.Tenant{{ID: "985", Entities: []string{"jobs", "customers"}, Channel: "#sync-alerts"}},
		KnownEntities: []string{"customers", "jobs", "invoices", "estimates"},
		RetryDelay:    func(deliveries uint64) time.Duration { return time.Duration(deliveries) * time.Second },
		Now:           func() time.Time { return w.now },
	})
	return w
}

// effect makes a change, unless it must fail or the bridge has crashed.
func (w *world) effect(name, detail string, change func() error) error {
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

// look makes a read.
func (w *world) look(name string, read func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crashed {
		return errCrashed
	}
	if err := w.failures[name]; err != nil {
		return err
	}
	read()
	return nil
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
	return w.ledger.requests[events.RequestID("/test", id)].Request
}
