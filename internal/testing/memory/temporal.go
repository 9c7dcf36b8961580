package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/lazi/lazisync/workflows"
)

// TemporalServer knows workflow executions and runs none: a test closes them. Several Temporals may
// use it. It is safe for concurrent use.
type TemporalServer struct {
	// FirstRunID names the nth execution of an ID. Default: run-1, run-2 and so on for all IDs.
	FirstRunID func(id string, nth int) string

	mu         sync.Mutex
	executions []*Execution
}

// Execution is a chain of runs of a workflow.
type Execution struct {
	workflows.StartOptions
	FirstRunID string
	Status     workflows.ExecutionStatus
	Signals    []workflows.Signal

	continued bool // as new: its first run has the status of that, and not of the chain
}

// Temporal is a connection to a TemporalServer.
type Temporal struct {
	*TemporalServer
	Call Call
}

// Start starts a workflow and returns the first run of its execution. If the ID is running, or was
// started before and Once is set, it returns the first run of that execution.
func (t *Temporal) Start(_ context.Context, o workflows.StartOptions) (firstRunID string, err error) {
	err = t.Call.run(Op{Method: "Start", Detail: o.ID}, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		firstRunID = t.startOnce(o).FirstRunID
		return nil
	})
	return firstRunID, err
}

// startOnce returns the latest execution of an ID, or starts one.
func (s *TemporalServer) startOnce(o workflows.StartOptions) *Execution {
	latest := s.latest(o.ID)
	if latest != nil && (o.Once || latest.Status == workflows.ExecutionOpen) {
		return latest
	}
	e := &Execution{StartOptions: o, FirstRunID: s.nextRunID(o.ID), Status: workflows.ExecutionOpen}
	s.executions = append(s.executions, e)
	return e
}

func (s *TemporalServer) nextRunID(id string) string {
	if s.FirstRunID == nil {
		return fmt.Sprintf("run-%d", len(s.executions)+1)
	}
	nth := 1
	for _, e := range s.executions {
		if e.ID == id {
			nth++
		}
	}
	return s.FirstRunID(id, nth)
}

// latest returns the latest execution of an ID, nil if there is none.
func (s *TemporalServer) latest(id string) *Execution {
	for _, e := range slices.Backward(s.executions) {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// SignalWithStart signals a workflow and starts it first if it is not running. With Once, a workflow
// that was started before is signalled only while it runs.
func (t *Temporal) SignalWithStart(_ context.Context, o workflows.StartOptions, signal workflows.Signal) (firstRunID string, err error) {
	err = t.Call.run(Op{Method: "SignalWithStart", Detail: o.ID}, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		e := t.startOnce(o)
		if e.Status == workflows.ExecutionOpen {
			e.Signals = append(e.Signals, signal)
		}
		firstRunID = e.FirstRunID
		return nil
	})
	return firstRunID, err
}

// Signal signals a running workflow. It returns workflows.ErrNotRunning if none runs.
func (t *Temporal) Signal(_ context.Context, id string, signal workflows.Signal) error {
	return t.Call.run(Op{Method: "Signal", Detail: id + " " + signal.Name}, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		latest := t.latest(id)
		if latest == nil || latest.Status != workflows.ExecutionOpen {
			return workflows.ErrNotRunning
		}
		latest.Signals = append(latest.Signals, signal)
		return nil
	})
}

// ExecutionStatus returns the status of the execution that began with a run, or of the latest one.
func (t *Temporal) ExecutionStatus(_ context.Context, id, firstRunID string) (status workflows.ExecutionStatus, err error) {
	err = t.Call.run(Op{Method: "ExecutionStatus", Detail: id, Reads: true}, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		latest := t.latest(id)
		if latest == nil {
			status = workflows.ExecutionNotFound
			return nil
		}
		if status = latest.Status; firstRunID == "" || latest.FirstRunID == firstRunID {
			return nil
		}
		status = workflows.ExecutionSuperseded
		for _, e := range t.executions {
			if e.ID == id && e.FirstRunID == firstRunID && !e.continued {
				status = e.Status
			}
		}
		return nil
	})
	return status, err
}

// SetStatus sets the status of the latest execution of an ID: it has closed. ExecutionNotFound deletes
// every execution of the ID.
func (s *TemporalServer) SetStatus(id string, status workflows.ExecutionStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status == workflows.ExecutionNotFound {
		s.executions = slices.DeleteFunc(s.executions, func(e *Execution) bool { return e.ID == id })
	} else if latest := s.latest(id); latest != nil {
		latest.Status = status
	}
}

// ContinueAsNew continues the running execution of an ID as new, if one runs.
func (s *TemporalServer) ContinueAsNew(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if latest := s.latest(id); latest != nil && latest.Status == workflows.ExecutionOpen {
		latest.continued = true
	}
}

// Executions returns copies of the executions, in the order in which they started.
func (s *TemporalServer) Executions() (all []Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.executions {
		all = append(all, *e)
	}
	return all
}

// Signals returns the signals of every execution of an ID.
func (s *TemporalServer) Signals(id string) (signals []workflows.Signal) {
	for _, e := range s.Executions() {
		if e.ID == id {
			signals = append(signals, e.Signals...)
		}
	}
	return signals
}

// ClearSignals forgets the signals that were received.
func (s *TemporalServer) ClearSignals() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.executions {
		e.Signals = nil
	}
}

// Execution returns the latest execution of an ID; zero if there is none.
func (s *TemporalServer) Execution(id string) (e Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if latest := s.latest(id); latest != nil {
		e = *latest
	}
	return e
}
