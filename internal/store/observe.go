package store

import (
	"cmp"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// Recorder records what the store commits. Its methods return at once and are safe for
// concurrent use.
type Recorder interface {
	// RunFinished records a run that was finalized, once.
	RunFinished(run ledger.Run)
	// PageStored records what a page, or a step of a rebuild or verify, added to the counts of an entity.
	PageStored(tenant events.TenantID, entity string, added events.Counts)
	// FieldAdded records a field that no record of an entity had before, once.
	FieldAdded(tenant events.TenantID, entity string)
	// StatementDone records the duration of one attempt at a transaction. statement is the
	// name of the method of Store in snake_case.
	StatementDone(statement string, took time.Duration)
}

// nopRecorder records nothing.
type nopRecorder struct{}

func (nopRecorder) RunFinished(ledger.Run)                            {}
func (nopRecorder) PageStored(events.TenantID, string, events.Counts) {}
func (nopRecorder) FieldAdded(events.TenantID, string)                {}
func (nopRecorder) StatementDone(string, time.Duration)               {}

// observed is what a transaction changed for the first time, over all of its attempts: an
// attempt whose commit was not answered may have done what the next one finds. It is logged
// once the transaction is committed. The zero value is empty.
type observed struct {
	started  map[int64]bool
	finished map[int64]finishedRun
}

// finishedRun is a run that was finalized, and the entities that had no status before.
type finishedRun struct {
	run        ledger.Run
	unfinished map[string]bool
}

func (o *observed) start(run int64) {
	if o.started == nil {
		o.started = map[int64]bool{}
	}
	o.started[run] = true
}

func (o *observed) finish(f finishedRun) {
	if o.finished == nil {
		o.finished = map[int64]finishedRun{}
	}
	o.finished[f.run.Number] = f
}

// reportStart logs the start of a run if this transaction began it.
func (s *Store) reportStart(o observed, run ledger.Run) {
	if !o.started[run.Number] {
		return
	}
	e := runKeys(s.log.Info(), run).Strs("entities", run.Entities)
	if len(run.Requests) > 0 {
		e = e.Str("source", run.Requests[0].Source)
	}
	e.Msg("run started")
}

// reportFinish logs the end of a run if this transaction finalized it, and that of the
// entities that ended with it.
func (s *Store) reportFinish(o observed, number int64) {
	f, first := o.finished[number]
	if !first {
		return
	}
	run := f.run
	s.recorder.RunFinished(run)
	took := run.FinishedAt.Sub(run.StartedAt)
	var total events.Counts
	for _, r := range run.Results {
		total.Add(r.Counts)
		if f.unfinished[r.Entity] {
			s.logEntityEnd(run.Target(entity.Entity{Name: r.Entity}), r, took)
		}
	}
	e := withCounts(runKeys(s.log.Info(), run), total).Int64("duration_ms", took.Milliseconds())
	if run.Reason != "" {
		e = e.Str("reason", run.Reason)
	}
	withError(e, run.Error).Msg("run " + string(run.State))
}

// reportEntityStart logs that a run begins to read an entity, or skips it.
func (s *Store) reportEntityStart(target ledger.Target, p ledger.Position) {
	if p.Done() {
		s.reportEntityEnd(target, p)
		return
	}
	s.log.Info().EmbedObject(target).Msg("entity started")
}

// reportPage records a page that was stored after a position, and logs the end of the entity
// if it was the last.
func (s *Store) reportPage(target ledger.Target, at, next ledger.Position) {
	s.recorder.PageStored(target.TenantID, next.Entity, next.Minus(at.Counts))
	s.reportEntityEnd(target, next)
}

// reportEntityEnd logs the end of an entity in a run, if it has ended.
func (s *Store) reportEntityEnd(target ledger.Target, p ledger.Position) {
	if p.Done() {
		s.logEntityEnd(target, p.Result(), p.UpdatedAt.Sub(p.StartedAt))
	}
}

func (s *Store) logEntityEnd(target ledger.Target, r events.Result, took time.Duration) {
	e := withCounts(s.log.Info().EmbedObject(target), r.Counts).Int64("duration_ms", max(0, took.Milliseconds()))
	if d := r.Differences; d != nil {
		e = e.Int64("missing", d.Missing).Int64("extra", d.Extra).Int64("stale", d.Stale).Int64("damaged", d.Damaged)
	}
	if r.SkippedReason != "" {
		e = e.Str("reason", r.SkippedReason)
	}
	withError(e, r.Error).Msg("entity " + string(r.Status))
}

func runKeys(e *zerolog.Event, run ledger.Run) *zerolog.Event {
	e = e.Stringer("tenant", run.TenantID).Str("mode", string(run.Mode)).Int64("run", run.Number).Str("workflow_id", run.WorkflowID)
	if len(run.Requests) > 0 {
		e = e.Str("request_id", run.Requests[0].ID)
	}
	return e.Int("requests", max(len(run.Requests), run.RequestCount))
}

func withCounts(e *zerolog.Event, c events.Counts) *zerolog.Event {
	return e.Int64("pages", c.Pages).Int64("fetched", c.Fetched).Int64("inserted", c.Inserted).Int64("updated", c.Updated).
		Int64("unchanged", c.Unchanged).Int64("deleted", c.Deleted).Int64("rejected", c.Rejected)
}

func withError(e *zerolog.Event, err *events.RunError) *zerolog.Event {
	if err == nil {
		return e
	}
	return e.Str("error_type", string(err.Type)).Str(zerolog.ErrorFieldName, cmp.Or(err.Message, string(err.Type)))
}
