package store

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// Withdraw takes one incremental request back, from what waits or from the run that
// serves it, and gives it a run of its own that is decided already: cancelled.
// passEmpty says that the run it was taken from serves no request any more and still
// goes on.
//
// It fails with ledger.ErrFinalized when the request has an outcome, ledger.ErrUnknown
// when there is no such request. With ErrFinalized it returns the deciding run: if
// that is the request's own withdrawal, somebody came before, perhaps this very call
// before a lost answer, and passEmpty holds as above.
func (s *Store) Withdraw(ctx context.Context, requestID, reason string) (run ledger.Run, passEmpty bool, err error) {
	err = s.transact(ctx, fmt.Sprintf("withdraw request %q", requestID), func(tx pgx.Tx) error {
		run, passEmpty = ledger.Run{}, false
		number, from, err := withdraw(ctx, tx, requestID, reason)
		if number == 0 {
			return err
		}
		decided := err
		if run, err = loadRun(ctx, tx, number); err != nil {
			return err
		}
		if passEmpty, err = isEmpty(ctx, tx, from); err != nil {
			return err
		}
		return decided
	})
	return run, passEmpty, err
}

// withdraw returns the run that holds the request's outcome, and the run that served
// it before, 0 when none did.
func withdraw(ctx context.Context, tx pgx.Tx, requestID, reason string) (number, from int64, err error) {
	request, err := lockRequest(ctx, tx, requestID)
	if err != nil {
		return 0, 0, err
	}
	if !request.Mode.Info().PerTenant {
		return 0, 0, fmt.Errorf("it is a %s request: only an incremental one can be withdrawn from its run", request.Mode)
	}
	if from = request.RunNumber; from != 0 {
		serving, err := lockRun(ctx, tx, ledger.Ref{Number: from})
		if err != nil {
			return 0, 0, err
		}
		if serving.State != ledger.Running {
			err = tx.QueryRow(ctx, "select coalesce(withdrawn_from, 0) from raw.sync_runs where run_number = $1", serving.Number).Scan(&from)
			if err != nil {
				return 0, 0, err
			}
			return serving.Number, from, ledger.ErrFinalized
		}
	}
	number, err = insertDecided(ctx, tx, request, ledger.WithdrawnPrefix+uuid.NewString(), 0, ledger.Finalization{State: ledger.Cancelled, Reason: reason})
	if err != nil {
		return 0, 0, err
	}
	_, err = tx.Exec(ctx, "update raw.sync_runs set withdrawn_from = nullif($2, 0) where run_number = $1", number, from)
	return number, from, err
}

// isEmpty says whether a run goes on without a request.
func isEmpty(ctx context.Context, tx pgx.Tx, number int64) (empty bool, err error) {
	err = tx.QueryRow(ctx, `
		select exists (select from raw.sync_runs where run_number = $1 and state = 'running')
			and not exists (select from raw.sync_requests where run_number = $1)`, number).Scan(&empty)
	return empty, err
}

// insertDecided makes a run that serves one request and is decided from its start.
func insertDecided(ctx context.Context, tx pgx.Tx, request ledger.Request, firstRunID string, pass int, d ledger.Finalization) (int64, error) {
	tenant, err := tenantNumber(request.TenantID)
	if err != nil {
		return 0, err
	}
	number, err := insertRun(ctx, tx, tenant, ledger.Begin{
		Mode: request.Mode, WorkflowID: request.WorkflowID, FirstRunID: firstRunID, Pass: pass,
	}, request.Entities, request.AllowDeletes)
	if err != nil {
		return 0, err
	}
	if err := claim(ctx, tx, number, []string{request.ID}); err != nil {
		return 0, err
	}
	return number, decide(ctx, tx, ledger.Ref{Number: number}, d)
}

// FinalizeUnstarted ends a request whose workflow closed before it began a run: the
// first run of that workflow is made, decided already. When a run has begun after
// all, it is returned as it is, and may be undecided. It fails with
// ledger.ErrUnknown when there is no such request.
func (s *Store) FinalizeUnstarted(ctx context.Context, requestID string, d ledger.Finalization) (run ledger.Run, err error) {
	err = s.transact(ctx, fmt.Sprintf("decide request %q as %s", requestID, d.State), func(tx pgx.Tx) error {
		request, err := lockRequest(ctx, tx, requestID)
		if err != nil {
			return err
		}
		number := request.RunNumber
		if number == 0 {
			execution := cmp.Or(request.FirstRunID, ledger.UnstartedPrefix+uuid.NewString())
			if number, err = insertDecided(ctx, tx, request, execution, 1, d); err != nil {
				return err
			}
		}
		run, err = loadRun(ctx, tx, number)
		return err
	})
	return run, err
}
