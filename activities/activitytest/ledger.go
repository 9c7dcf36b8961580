package activitytest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// Ledger stores requests, runs, positions and rows by the rules of the real ledger.
type Ledger struct {
	// Refuse is called before each operation with its name and its entity, "" if it has
	// none. It may return an error or change the world.
	Refuse func(op, entity string) error

	// Looked is called after each BeginRun with the number of the run.
	Looked func(look int)
	// Resume is the resume point of incrementals; zero is the start of the feed.
	Resume entity.Cursor
	// Misses are the ids of rows that full reads and rebuilds report as missing, and that verifies
	// report as extra, by entity.
	Misses map[string][]string

	// Held is the stall that Stall returns for any entity.
	Held ledger.Stall

	// Now is the clock of the minimum interval between passes. Default: time.Now.
	Now func() time.Time

	// Raised is the highest number of the event stream that the ledger was given.
	Raised int64

	mu        sync.Mutex
	requests  []*ledger.Request
	runs      []*ledger.Run
	positions map[key]*ledger.Position
	rows      map[string]map[string]bool // IDs by entity
	aside     map[int64][]string         // IDs that a rebuild or verify has read, by run
	missed    map[string][]string        // IDs to look up, by entity
	confirmed int64                      // differences that a lookup of a verify confirmed
	begun     int
	pauses    map[int64]int // number of the last recorded pause or resume, by run
}

type key struct {
	run    int64
	entity string
}

func newLedger() *Ledger {
	return &Ledger{
		positions: map[key]*ledger.Position{}, rows: map[string]map[string]bool{},
		aside: map[int64][]string{}, missed: map[string][]string{},
		pauses: map[int64]int{},
	}
}

// Run returns a run.
func (l *Ledger) Run(_ context.Context, number int64) (ledger.Run, error) {
	if err := l.refuse("Run", ""); err != nil {
		return ledger.Run{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, err := l.run(number)
	if err != nil {
		return ledger.Run{}, err
	}
	return *r, nil
}

// RunHeader returns a run.
func (l *Ledger) RunHeader(ctx context.Context, number int64) (ledger.Run, error) {
	return l.Run(ctx, number)
}

func (l *Ledger) run(number int64) (*ledger.Run, error) {
	if number < 1 || int(number) > len(l.runs) {
		return nil, fmt.Errorf("run %d: %w", number, ledger.ErrUnknown)
	}
	return l.runs[number-1], nil
}

// runOf returns the run if it belongs to the execution.
func (l *Ledger) runOf(ref ledger.Ref) (*ledger.Run, error) {
	r, err := l.run(ref.Number)
	if err == nil {
		err = ref.Check(r.Ref().Execution)
	}
	return r, err
}

// Forget deletes every request and run, as if the ledger was recreated. Run numbers begin
// at 1 again.
func (l *Ledger) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests, l.runs, l.positions = nil, nil, map[key]*ledger.Position{}
}

// Finalize ends a run, once.
func (l *Ledger) Finalize(_ context.Context, ref ledger.Ref, d ledger.Finalization) (ledger.Run, error) {
	if err := l.refuse("Finalize", ""); err != nil {
		return ledger.Run{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, err := l.runOf(ref)
	if err != nil {
		return ledger.Run{}, err
	}
	if r.State != ledger.Running {
		return *r, nil
	}
	if d.ClaimQueued && r.Mode == events.Incremental {
		l.serve(r, l.unserved(ledger.BeginInput{Mode: events.Incremental}))
	}
	for _, name := range r.Entities {
		result := l.result(r, name, d)
		if d.State == ledger.Completed && result.Status == events.StatusFailed {
			d = ledger.Finalization{State: ledger.Failed, Error: result.Error}
		}
		r.Results = append(r.Results, result)
	}
	r.State, r.Error, r.Reason, r.FinishedAt = d.State, d.Error, d.Reason, time.Now()
	return *r, nil
}

func (l *Ledger) result(r *ledger.Run, name string, d ledger.Finalization) events.Result {
	p := ledger.Position{Entity: name}
	if at, ok := l.positions[key{r.Number, name}]; ok {
		p = *at
	}
	if !p.Done() {
		p.Status, p.Error = events.StatusFailed, d.Error
		if d.State == ledger.Cancelled {
			p.Status = events.StatusCancelled
		}
	}
	return p.Result()
}

// RecordPause records that a run is paused, or not any more.
func (l *Ledger) RecordPause(_ context.Context, ref ledger.Ref, p ledger.Pause, paused bool) (ledger.Run, error) {
	if err := l.refuse("RecordPause", ""); err != nil {
		return ledger.Run{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.undecided(ref); err != nil {
		return ledger.Run{}, err
	}
	r := l.runs[ref.Number-1]
	if p.Number > l.pauses[r.Number] {
		l.pauses[r.Number], r.Pause = p.Number, nil
		if paused {
			r.Pause = &p
		}
	}
	return *r, nil
}

// MarkPublished records that the outcome of a run is published.
func (l *Ledger) MarkPublished(_ context.Context, ref ledger.Ref) error {
	if err := l.refuse("MarkPublished", ""); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r, err := l.runOf(ref)
	if err == nil {
		r.Published = true
	}
	return err
}

// undecided returns an error if the run has an outcome or belongs to another execution.
func (l *Ledger) undecided(ref ledger.Ref) error {
	r, err := l.runOf(ref)
	if err == nil && r.State != ledger.Running {
		err = ledger.ErrFinalized
	}
	return err
}

func (l *Ledger) refuse(op, entity string) error {
	if l.Refuse == nil {
		return nil
	}
	return l.Refuse(op, entity)
}

// Runs returns copies of the runs.
func (l *Ledger) Runs() []ledger.Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	var runs []ledger.Run
	for _, r := range l.runs {
		runs = append(runs, *r)
	}
	return runs
}

// Looks returns the number of calls of BeginRun.
func (l *Ledger) Looks() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}
