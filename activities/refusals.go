package activities

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// refusalMemory is how long a refusal counts: longer than the time between two attempts.
const refusalMemory = 3 * time.Minute

// Refusals are the workflows for which PostgreSQL refuses to start a run, or to write its
// outcome, until somebody acts. The zero value is empty. Its methods are safe for
// concurrent use and may be called on nil.
type Refusals struct {
	mu         sync.Mutex
	byWorkflow map[string]refusal
}

type refusal struct {
	err error
	at  time.Time
}

// Check returns what PostgreSQL refused within the last minutes, nil where it refused nothing.
func (r *Refusals) Check(context.Context) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var first string
	for id, attempt := range r.byWorkflow {
		switch {
		case time.Since(attempt.at) > refusalMemory:
			delete(r.byWorkflow, id) // it ended, or another worker has it
		case first == "" || id < first:
			first = id
		}
	}
	if first == "" {
		return nil
	}
	others := ""
	if n := len(r.byWorkflow) - 1; n > 0 {
		others = fmt.Sprintf(" (and %d more workflows)", n)
	}
	return fmt.Errorf("workflow %s cannot continue: %w%s", first, r.byWorkflow[first].err, others)
}

func (r *Refusals) add(workflowID string, err error) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byWorkflow == nil {
		r.byWorkflow = map[string]refusal{}
	}
	r.byWorkflow[workflowID] = refusal{err, time.Now()}
}

func (r *Refusals) remove(workflowID string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byWorkflow, workflowID)
}
