package contract

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

// TemporalPort is Temporal as the bridge uses it, and what a test does to executions.
type TemporalPort interface {
	bridge.Temporal
	// End closes the running execution of an ID with a status: completed, failed, cancelled or
	// terminated. It returns when it is closed, and does nothing if none runs.
	End(ctx context.Context, id string, status workflows.ExecutionStatus) error
	// ContinueAsNew makes the running execution continue as new, if one runs.
	ContinueAsNew(ctx context.Context, id string) error
	// Received lists the names of the signals that the latest execution of an ID has received.
	Received(ctx context.Context, id string) ([]string, error)
}

// Temporal compares Temporal in memory with a real server. The IDs of a sequence are used by no other.
func Temporal(t *testing.T, adapter TemporalPort) {
	rapid.Check(t, func(t *rapid.T) {
		p := &temporals{
			pair: pair[TemporalPort]{memoryTemporal{&memory.Temporal{TemporalServer: &memory.TemporalServer{}}}, adapter},
			ctx:  context.Background(), unique: fmt.Sprint(sequences.Add(1)), runs: [2]map[string]int{{}, {}},
		}
		t.Repeat(map[string]func(*rapid.T){
			"start": p.start, "signal with start": p.signalWithStart, "signal": p.signal, "status": p.status, "end": p.end,
			"continue as new": p.continueAsNew,
		})
		for _, id := range []string{"once", "again"} {
			p.received(t, p.id(id))
		}
	})
}

// memoryTemporal is the implementation in memory.
type memoryTemporal struct{ *memory.Temporal }

func (m memoryTemporal) End(_ context.Context, id string, status workflows.ExecutionStatus) error {
	if current, err := m.ExecutionStatus(context.Background(), id, ""); err != nil || current != workflows.ExecutionOpen {
		return err
	}
	m.SetStatus(id, status)
	return nil
}

func (m memoryTemporal) ContinueAsNew(_ context.Context, id string) error {
	m.TemporalServer.ContinueAsNew(id)
	return nil
}

func (m memoryTemporal) Received(_ context.Context, id string) (names []string, err error) {
	for _, e := range m.Executions() {
		if e.ID != id {
			continue
		}
		names = nil
		for _, s := range e.Signals {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// temporals are the two servers of a sequence.
type temporals struct {
	pair[TemporalPort]
	ctx    context.Context
	unique string
	runs   [2]map[string]int // first run IDs, in the order in which they were returned
	first  [2][]string       // likewise
}

func (p *temporals) id(name string) string { return name + "-" + p.unique }

func (p *temporals) drawID(t *rapid.T) (id string, once bool) {
	name := rapid.SampledFrom([]string{"once", "again"}).Draw(t, "id")
	return p.id(name), name == "once"
}

func (p *temporals) options(id string, once bool) workflows.StartOptions {
	return workflows.StartOptions{ID: id, Workflow: "Contract", Once: once}
}

// side returns the index of a port in runs and first.
func (p *temporals) side(port TemporalPort) int {
	if port == p.real {
		return 1
	}
	return 0
}

// place returns the place of a first run ID among those that were returned.
func (p *temporals) place(port TemporalPort, firstRunID string, err error) (int, error) {
	side := p.side(port)
	if _, known := p.runs[side][firstRunID]; !known && err == nil {
		p.first[side] = append(p.first[side], firstRunID)
		p.runs[side][firstRunID] = len(p.first[side])
	}
	return p.runs[side][firstRunID], err
}

func (p *temporals) start(t *rapid.T) {
	id, once := p.drawID(t)
	_, _ = call(t, p.pair, "Start "+id, func(port TemporalPort) (int, error) {
		run, err := port.Start(p.ctx, p.options(id, once))
		return p.place(port, run, err)
	})
}

func drawSignal(t *rapid.T) workflows.Signal {
	return workflows.Signal{Name: rapid.SampledFrom([]string{"wake", "pause"}).Draw(t, "signal")}
}

func (p *temporals) signalWithStart(t *rapid.T) {
	id, once := p.drawID(t)
	signal := drawSignal(t)
	_, _ = call(t, p.pair, "SignalWithStart "+id+" "+signal.Name, func(port TemporalPort) (int, error) {
		run, err := port.SignalWithStart(p.ctx, p.options(id, once), signal)
		return p.place(port, run, err)
	})
}

func (p *temporals) signal(t *rapid.T) {
	id, _ := p.drawID(t)
	signal := drawSignal(t)
	_, _ = call(t, p.pair, "Signal "+id+" "+signal.Name, func(port TemporalPort) (any, error) { return nil, port.Signal(p.ctx, id, signal) })
}

// status asks for the latest execution, for one that was started before, and for one that never was.
func (p *temporals) status(t *rapid.T) {
	id, _ := p.drawID(t)
	which := rapid.IntRange(-1, len(p.first[0])).Draw(t, "execution")
	_, _ = call(t, p.pair, fmt.Sprint("ExecutionStatus ", id, " ", which), func(port TemporalPort) (workflows.ExecutionStatus, error) {
		first := ""
		switch {
		case which == 0:
			first = "11111111-2222-3333-4444-555555555555"
		case which > 0:
			first = p.first[p.side(port)][which-1]
		}
		return port.ExecutionStatus(p.ctx, id, first)
	})
}

func (p *temporals) end(t *rapid.T) {
	id, _ := p.drawID(t)
	how := rapid.SampledFrom([]workflows.ExecutionStatus{
		workflows.ExecutionCompleted, workflows.ExecutionFailed, workflows.ExecutionCancelled, workflows.ExecutionTerminated,
	}).Draw(t, "status")
	p.received(t, id)
	_, _ = call(t, p.pair, fmt.Sprint("end ", id, " ", how), func(port TemporalPort) (any, error) { return nil, port.End(p.ctx, id, how) })
}

func (p *temporals) continueAsNew(t *rapid.T) {
	id, _ := p.drawID(t)
	_, _ = call(t, p.pair, "continue as new "+id, func(port TemporalPort) (any, error) { return nil, port.ContinueAsNew(p.ctx, id) })
}

func (p *temporals) received(t *rapid.T, id string) {
	_, _ = call(t, p.pair, "received by "+id, func(port TemporalPort) ([]string, error) { return port.Received(p.ctx, id) })
}
