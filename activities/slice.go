package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// Source reads ServiceTitan.
type Source interface {
	// Page reads the page at a cursor. Interactive reads have a reserved share of
	// the rate budget.
	Page(ctx context.Context, tenant events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (entity.Page, error)
	// Lookup reads the records that have the ids, at most entity.MaxIDs, of an entity
	// whose list takes them.
	Lookup(ctx context.Context, tenant events.TenantID, e entity.Entity, ids []string, interactive bool) (entity.Page, error)
	// Count returns the expected number of records of a full read, -1 if unknown.
	Count(ctx context.Context, tenant events.TenantID, e entity.Entity) (int, error)
	// Waiting returns how long a call for an entity still waits for the rate limiter, 0 if
	// none waits.
	Waiting(tenant events.TenantID, entity string) time.Duration
	// Probe sends the smallest possible request for an entity, to find out whether
	// ServiceTitan answers. It returns the server's time.
	Probe(ctx context.Context, tenant events.TenantID, e entity.Entity) (time.Time, error)
}

// PageStore stores pages together with the resulting position. Methods that write for a run
// fail with ledger.ErrUnknown if the ledger has no such run of that execution.
type PageStore interface {
	// RunHeader reads a run with the few of its requests that progress needs.
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
	Open(ctx context.Context, target ledger.Target) (ledger.Position, error)
	StorePage(ctx context.Context, target ledger.Target, at ledger.Position, p entity.Page) (ledger.Position, error)
	// MissingIDs returns at most most ids of rows that the run has not read and not looked
	// up yet, or of records that a refresh names.
	MissingIDs(ctx context.Context, target ledger.Target, most int) ([]string, error)
	// StoreLookup stores the result of a lookup.
	StoreLookup(ctx context.Context, target ledger.Target, at ledger.Position, ids []string, p entity.Page) (ledger.Position, error)
	// CheckRebuild checks the staging table of a rebuild or a verify. counted is the number of
	// records in ServiceTitan, -1 if unknown. It ends a verify with the confirmed differences.
	CheckRebuild(ctx context.Context, target ledger.Target, at ledger.Position, counted int64) (ledger.Position, error)
	// ApplyRebuild applies the diff between the staging table and the entity's table.
	ApplyRebuild(ctx context.Context, target ledger.Target, at ledger.Position) (ledger.Position, error)
	// CompareStaged finds the rows that seem to differ from the staging table of a verify.
	CompareStaged(ctx context.Context, target ledger.Target, at ledger.Position) (ledger.Position, error)
	// FailEntity fails the entity at a position, which is the zero Position if the entity was never
	// opened. As SetTotal, it fails with ledger.ErrFenced if the run is not at that position.
	FailEntity(ctx context.Context, target ledger.Target, at ledger.Position, re events.RunError) error
	SetTotal(ctx context.Context, target ledger.Target, at ledger.Position, total ledger.Total) error
	// Stall returns which work a failing entity delays.
	Stall(ctx context.Context, target ledger.Target) (ledger.Stall, error)
}

// Slices has the activity that reads pages from the API and stores them, a few seconds at a
// time.
type Slices struct {
	Source    Source
	Store     PageStore
	Publisher Publisher
	Logger    zerolog.Logger

	// Length is how long a slice requests further pages after its first.
	Length time.Duration
	// StallLimit is how long a failing entity may delay others; 0 for no limit.
	StallLimit time.Duration
	// Full limits the concurrent slices of full, rebuild and verify runs, so that a slot is always
	// free for incrementals. Nil for no limit.
	Full chan struct{}
	// Failing limits the concurrent slices whose last attempt failed, so that entities that
	// ServiceTitan does not answer leave slots for the others. Nil for no limit.
	Failing chan struct{}
}

// SliceInput identifies the entity of a run to continue. The ledger has the position.
type SliceInput struct {
	RunNumber int64
	TenantID  events.TenantID
	Mode      events.Mode
	Entity    string
	Execution ledger.Execution // of the run; absent in earlier histories
}

// SliceResult is the state of the entity after the slice.
type SliceResult struct {
	Status  events.Status // "" until the entity is complete or has failed
	Phase   events.Phase
	Busy    bool // another run reads the entity; the slice did nothing
	Pages   int64
	Records int64
	Total   ledger.Total
	Error   *events.RunError `json:",omitempty"` // of an entity that failed; absent in earlier histories
}

// SyncSlice reads and stores pages of one entity until it is complete, the time of
// the slice ends, or a pause, a cancel or the shutdown of the worker interrupts it. Pages
// requested by then are still stored, so that none is read twice.
//
// A permanent error fails the entity, in the ledger, and is not an error of the activity.
// Temporal retries all other errors.
func (s *Slices) SyncSlice(ctx context.Context, in SliceInput) (SliceResult, error) {
	return s.slice(ctx, in, false)
}

// RefreshSlice is SyncSlice for a run that reads what its requests name. It is an activity of its own,
// so that no worker of an earlier version continues such a run and moves the resume point.
func (s *Slices) RefreshSlice(ctx context.Context, in SliceInput) (SliceResult, error) {
	return s.slice(ctx, in, true)
}

func (s *Slices) slice(ctx context.Context, in SliceInput, refresh bool) (SliceResult, error) {
	e, ok := entity.Find(in.Entity)
	if !ok {
		return SliceResult{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("entity %q is not in this worker's catalogue", in.Entity), string(events.ValidationError), nil)
	}
	if in.Mode.Info().ReadsAll {
		release, free := acquireSlot(s.Full)
		if !free {
			return SliceResult{}, errNoSlot(ctx, "every slot for full syncs is taken")
		}
		defer release()
	}
	earlier := previousFailures(ctx)
	if earlier.Tries > 0 {
		release, free := acquireSlot(s.Failing)
		if !free {
			return SliceResult{}, errNoSlot(ctx, "every slot for another try is taken")
		}
		defer release()
	}
	target := ledger.Target{Run: refOf(ctx, in.RunNumber, in.Execution), TenantID: in.TenantID, Mode: in.Mode, Refresh: refresh, Entity: e}
	sl := &slice{Slices: s, target: target, stop: activity.GetWorkerStopChannel(ctx), failures: earlier}
	return sl.run(ctx)
}

// slice is one execution of Slices.SyncSlice.
type slice struct {
	*Slices
	target ledger.Target
	stop   <-chan struct{} // closed when the worker shuts down
	until  time.Time       // no page is requested after it
	warned []string        // warnings to store with the next page
	at     ledger.Position
	report *reporter
	// counted is true once the records were counted, at least tried; total gets their number meanwhile.
	counted bool
	total   <-chan int
	// failures counts the failed attempts since something was last stored.
	failures failures

	interactive bool // its API calls have a reserved share of the rate budget
}

// run reads the entity from its position in the ledger.
func (s *slice) run(ctx context.Context) (SliceResult, error) {
	run, err := s.Store.RunHeader(ctx, s.target.Run.Number)
	if err == nil {
		err = s.target.Run.Check(run.Ref().Execution)
	}
	if err != nil {
		return SliceResult{}, s.startError(ctx, err)
	}
	ctx, span := startSlice(ctx, run, s.target.Entity.Name)
	defer span.End()
	s.interactive = s.target.Mode.Info().Interactive && !scheduledOnly(run)
	s.report = newReporter(ctx, s.Publisher, run, s.target.Entity.Name, func() time.Duration {
		return s.Source.Waiting(s.target.TenantID, s.target.Entity.Name)
	})
	defer s.report.close(ctx)
	s.report.setFailures(s.failures)

	if s.at, err = s.open(ctx); errors.Is(err, ledger.ErrBusy) {
		s.report.waiting(events.WaitBusy, 0)
		return SliceResult{Busy: true, Total: ledger.UnknownTotal}, nil
	} else if isPermanent(err) {
		if err := s.fail(ctx, err); err != nil {
			return SliceResult{}, err
		}
	} else if err != nil {
		if err := s.retryOrGiveUp(ctx, events.StoreError, &storeError{err}); err != nil {
			return SliceResult{}, err
		}
	}
	s.reached(s.at)

	s.until = time.Now().Add(s.Length) // without the time it took to open: every slice makes progress
	for !s.at.Done() && !s.interrupted(ctx) {
		if err := s.work(ctx); err != nil {
			if err := s.recover(ctx, err); err != nil {
				return SliceResult{}, err
			}
		} else if s.stopping(ctx) {
			break
		}
	}
	return s.result(), failpoint.Error("worker/slice-done", failpoint.ErrLost)
}

func (s *slice) result() SliceResult {
	return SliceResult{Status: s.at.Status, Phase: phaseOf(s.at), Pages: s.at.Pages, Records: s.at.Fetched, Total: s.at.Total, Error: s.at.Error}
}

// work runs the current phase of the entity until it is done or the slice is stopping.
func (s *slice) work(ctx context.Context) error {
	switch s.at.Phase {
	case events.PhaseSweeping:
		if s.target.ReadsAgain() {
			return s.pages(ctx)
		}
		return s.lookUp(ctx)
	case events.PhaseComparing:
		return s.compare(ctx)
	case events.PhaseChecking:
		return s.check(ctx)
	case events.PhaseApplying:
		return s.apply(ctx)
	}
	return s.pages(ctx)
}

func (s *slice) open(ctx context.Context) (ledger.Position, error) {
	return s.Store.Open(ctx, s.target)
}

// interrupted reports whether a pause, a cancel or the worker's shutdown stops the slice.
func (s *slice) interrupted(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-s.stop:
		return true
	default:
		return false
	}
}

// stopping reports whether the slice must not request another page.
func (s *slice) stopping(ctx context.Context) bool {
	return s.interrupted(ctx) || time.Now().After(s.until)
}

// reached takes over a stored position. If it is a new one, the count of failures starts again.
func (s *slice) reached(at ledger.Position) {
	if at.Version != s.at.Version {
		if s.failures.Tries > 0 && !at.Done() { // otherwise the end of the entity is logged
			s.Logger.Info().EmbedObject(s.target).Int("attempts", s.failures.Tries).Int64("duration_ms", time.Since(s.failures.Since).Milliseconds()).
				Msg("entity resumed")
		}
		s.failures = failures{}
		s.report.setFailures(s.failures)
	}
	s.at = at
	s.report.reached(at)
}
