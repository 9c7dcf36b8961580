package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

// The tests of sequences let two bridges, their reconcilers and a worker act in random order on one
// ledger, one event stream and one Temporal in memory, while calls fail and processes crash.

var errUnavailable = errors.New("connection refused")

// deployment is what a sequence acts on.
type deployment struct {
	t        *rapid.T
	now      time.Time
	database *memory.Database
	stream   *memory.Stream
	temporal *memory.TemporalServer
	bridges  [2]*process
	worker   *process
	commands []*command
	works    map[string]*work // by first run ID
	snapshot *memory.Snapshot

	mu         sync.Mutex
	mustCancel map[string]bool // workflows with one request that received a cancel before their run had an outcome or began to finalize it

	restored int // how many commands were published before the ledger was last restored
}

// process is a bridge or the worker, with connections of its own.
type process struct {
	d         *deployment
	name      string
	bridge    *bridge.Bridge // nil for the worker
	ledger    *memory.Ledger
	publisher *memory.Publisher
	temporal  *memory.Temporal
	fault     fault
	crashed   bool
}

// fault is what happens at the calls of one method during an action. The zero value is none.
type fault struct {
	method string
	kind   faultKind
	during func() // of an interruption
}

type faultKind string

const (
	failsBefore   faultKind = "fails"                        // every call, without an effect
	failsAfter    faultKind = "takes effect and then fails"  // every call
	crashesBefore faultKind = "crashes before the call"      // at the first call
	crashesAfter  faultKind = "crashes after the call"       // at the first call
	interrupted   faultKind = "is interrupted before a call" // the first call: another process acts meanwhile
)

func newDeployment(t *rapid.T) *deployment {
	d := &deployment{
		t: t, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), database: memory.NewDatabase(), stream: &memory.Stream{},
		temporal: &memory.TemporalServer{}, works: map[string]*work{}, mustCancel: map[string]bool{},
	}
	d.database.Now = func() time.Time { return d.now }
	d.temporal.FirstRunID = func(id string, nth int) string { return fmt.Sprintf("%s.%d", id, nth) }
	for i := range d.bridges {
		d.bridges[i] = d.newProcess(fmt.Sprint("bridge ", i))
		d.bridges[i].startBridge()
	}
	d.worker = d.newProcess("worker")
	return d
}

// executions lists the executions in an order that does not depend on which of concurrent calls was first.
func (d *deployment) executions() []memory.Execution {
	all := d.temporal.Executions()
	slices.SortStableFunc(all, func(a, b memory.Execution) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func (d *deployment) newProcess(name string) *process {
	p := &process{d: d, name: name}
	p.ledger = &memory.Ledger{Database: d.database, Call: p.call}
	p.publisher = &memory.Publisher{Stream: d.stream, Call: p.call}
	p.temporal = &memory.Temporal{TemporalServer: d.temporal, Call: p.call}
	return p
}

// startBridge starts a bridge, which remembers nothing of an earlier one.
func (p *process) startBridge() {
	p.bridge = bridge.New(bridge.Options{
		Ledger: p.ledger, Publisher: p.publisher, Temporal: p.temporal, History: p.publisher, Logger: zerolog.Nop(),
		Tenants:       []bridge.Tenant{{ID: "985", Entities: []string{"jobs"}, Channel: "#sync-alerts"}},
		KnownEntities: []string{"customers", "jobs"},
		RetryDelay:    func(uint64) time.Duration { return time.Second },
		Now:           func() time.Time { return p.d.now },
	})
}

// call carries out a call of the process with its fault.
func (p *process) call(op memory.Op, do func() error) error {
	if p.crashed {
		return errCrashed
	}
	do = p.d.noteCancel(op, do)
	if p.fault.method != op.Method {
		return do()
	}
	switch p.fault.kind {
	case failsBefore:
		return errUnavailable
	case failsAfter:
		if err := do(); err != nil {
			return err
		}
		return errUnavailable
	case crashesBefore:
		p.crashed = true
		return errCrashed
	case crashesAfter:
		_ = do()
		p.crashed = true
		return errCrashed
	case interrupted:
		during := p.fault.during
		p.fault = fault{}
		during()
	}
	return do()
}

// noteCancel notes that a workflow with one request receives a cancel.
func (d *deployment) noteCancel(op memory.Op, do func() error) func() error {
	id, isCancel := strings.CutSuffix(op.Detail, " "+workflows.SignalCancel)
	isCancel = op.Method == "Signal" && isCancel || op.Method == "SignalWithStart" // the latter for an early cancel
	if !isCancel || workflows.ServesTenant(id) {
		return do
	}
	return func() error {
		err := do()
		e := d.temporal.Execution(id)
		w := d.works[e.FirstRunID]
		isTooLate := w != nil && w.finalization != nil ||
			slices.ContainsFunc(d.database.Runs(), func(r ledger.Run) bool { return r.WorkflowID == id && r.State != ledger.Running })
		if e.Status == workflows.ExecutionOpen && err == nil && !isTooLate {
			d.mu.Lock() // several calls of a batch are made at once
			defer d.mu.Unlock()
			d.mustCancel[id] = true
		}
		return err
	}
}

// act lets the process do something with a fault. A process that crashed starts again.
func (p *process) act(f fault, do func()) {
	p.fault = f
	do()
	p.fault = fault{}
	if p.crashed {
		if p.crashed = false; p.bridge != nil {
			p.startBridge()
		}
	}
}

// command is a message of the command stream.
type command struct {
	event      events.Message
	id         string // what it says, for the script
	deliveries uint64
	isSettled  bool
}

// delivered is one delivery of a command to a process.
type delivered struct {
	*command
	to *process
}

func (m delivered) Event() events.Message                       { return m.event }
func (m delivered) Deliveries() uint64                          { return m.deliveries }
func (m delivered) Context(ctx context.Context) context.Context { return ctx }
func (m delivered) Retry(time.Duration) error                   { return nil }
func (m delivered) Ack(context.Context) error                   { return m.settle("Ack") }
func (m delivered) Term(string) error                           { return m.settle("Term") }
func (m delivered) settle(how string) error {
	return m.to.call(memory.Op{Method: how}, func() error { m.isSettled = true; return nil })
}

// publish stores a command.
func publish[T any](d *deployment, typ events.Type[T], id string, data T) {
	event, err := typ.New(events.Attributes{ID: id, Source: "/test"}, data)
	if err != nil {
		d.t.Fatal(err)
	}
	encoded, err := events.Encode(event)
	if err != nil {
		d.t.Fatal(err)
	}
	sequence := uint64(len(d.commands) + 1)
	d.commands = append(d.commands, &command{id: fmt.Sprintf("%s %s %+v", typ.Subject, id, data), event: events.Message{
		Subject: typ.Subject, Data: encoded, Header: events.Header(event), Stream: "SYNC_COMMANDS", Sequence: sequence, Stored: d.now.Add(time.Duration(sequence)),
	}})
}

// deliver delivers commands of one kind to a bridge.
func (d *deployment) deliver(to *process, all ...*command) {
	messages := make([]bridge.Message, len(all))
	for i, c := range all {
		c.deliveries++
		messages[i] = delivered{c, to}
	}
	if all[0].event.Subject == events.Control.Subject {
		_ = to.bridge.HandleControl(context.Background(), messages[0]) // it is redelivered
		return
	}
	_ = to.bridge.HandleRequests(context.Background(), messages)
}
