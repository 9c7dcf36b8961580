package memory

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/lazi/lazisync/internal/ledger"
)

// Finalize gives a run its outcome, once.
func (l *Ledger) Finalize(_ context.Context, ref ledger.Ref, f ledger.Finalization) (finalized ledger.Run, err error) {
	err = l.write("Finalize", fmt.Sprint(ref.Number), func() error {
		if err := checkOutcome(f); err != nil {
			return err
		}
		if _, err := l.find(ref); err != nil {
			return err
		}
		l.finalize(ref.Number, f)
		finalized = l.load(ref.Number)
		return nil
	})
	return finalized, err
}

func checkOutcome(f ledger.Finalization) error {
	if f.State.EventType() == "" {
		return fmt.Errorf("outcome %q: want completed, failed or cancelled", f.State)
	}
	return nil
}

// finalize gives a run its outcome unless it has one.
func (d *Database) finalize(number int64, f ledger.Finalization) {
	r := d.state.runs[number]
	if r.State != ledger.Running {
		return
	}
	if f.ClaimQueued && r.Mode.Info().PerTenant {
		queued := d.queued(r.TenantID, f.ClaimUntil)
		r.Entities = entitiesOf(queued, r.Entities)
		d.claim(number, queued)
	}
	r.Results, f = f.Complete(d.resultsSoFar(r))
	r.State, r.Error, r.Reason, r.Pause, r.FinishedAt = f.State, f.Error, text(f.Reason), nil, d.now()
	d.state.runs[number] = r
}

// WithdrawRequest cancels one incremental request and gives it a run of its own.
func (l *Ledger) WithdrawRequest(_ context.Context, id, reason string) (withdrawn ledger.Run, emptyPass int64, err error) {
	err = l.write("WithdrawRequest", id, func() error {
		q, ok := l.state.requests[id]
		switch {
		case !ok:
			return fmt.Errorf("request %q: %w", id, ledger.ErrUnknown)
		case !q.Mode.Info().PerTenant:
			return fmt.Errorf("it is a %s request, want an incremental one", q.Mode)
		}
		if from, served := l.state.runs[q.RunNumber]; served && from.State != ledger.Running {
			withdrawn, emptyPass = l.load(from.Number), l.ifEmpty(from.withdrawnFrom)
			return ledger.ErrFinalized
		}
		number := l.insertFinalized(q, ledger.WithdrawnPrefix+uuid.NewString(), 0, ledger.Finalization{State: ledger.Cancelled, Reason: reason})
		r := l.state.runs[number]
		r.withdrawnFrom = q.RunNumber
		l.state.runs[number] = r
		withdrawn, emptyPass = l.load(number), l.ifEmpty(q.RunNumber)
		return nil
	})
	return withdrawn, emptyPass, err
}

// ifEmpty returns the number of a run if it is running and serves no request, otherwise 0.
func (d *Database) ifEmpty(number int64) int64 {
	if d.state.runs[number].State == ledger.Running && len(d.served(number)) == 0 {
		return number
	}
	return 0
}

// insertFinalized inserts a run that serves one request and has its outcome from the start.
func (d *Database) insertFinalized(q ledger.Request, firstRunID string, pass int, f ledger.Finalization) int64 {
	number := d.insertRun(ledger.BeginInput{
		TenantID: q.TenantID, Mode: q.Mode, WorkflowID: q.WorkflowID, FirstRunID: firstRunID, Pass: pass,
	}, ledger.Run{Entities: q.Entities, AllowDeletes: q.AllowDeletes, Refresh: q.IsRefresh()}, q)
	d.finalize(number, f)
	return number
}

// FinalizeUnstarted finalizes a request without a run. If its run has begun after all, that run is
// returned unchanged.
func (l *Ledger) FinalizeUnstarted(_ context.Context, id string, f ledger.Finalization) (finalized ledger.Run, err error) {
	err = l.write("FinalizeUnstarted", id, func() error {
		q, ok := l.state.requests[id]
		if !ok {
			return fmt.Errorf("request %q: %w", id, ledger.ErrUnknown)
		}
		number := q.RunNumber
		if number == 0 {
			number = l.insertFinalized(q, cmp.Or(q.FirstRunID, ledger.UnstartedPrefix+uuid.NewString()), 1, f)
			if err := checkOutcome(f); err != nil {
				return err // the number is not given again
			}
		}
		finalized = l.load(number)
		return nil
	})
	return finalized, err
}
