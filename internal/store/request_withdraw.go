package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// WithdrawRequest removes one incremental request from the queue, or from the run that serves it, and gives
// it a run of its own with the outcome cancelled. emptyPass is the number of the run that served it,
// if that is still running and serves no other request, otherwise 0.
//
// It fails with ledger.ErrFinalized if the request has an outcome, and with ledger.ErrUnknown if the
// request does not exist. With ErrFinalized it also returns the run with the outcome. If that is the
// run of a withdrawal, perhaps by this call before its response was lost, emptyPass is set as above.
func (s *Store) WithdrawRequest(ctx context.Context, requestID, reason string) (run ledger.Run, emptyPass int64, err error) {
	var seen observed
	err = s.transact(ctx, fmt.Sprintf("withdraw request %q", requestID), func(tx pgx.Tx) error {
		run, emptyPass = ledger.Run{}, 0
		number, from, err := withdraw(ctx, tx, requestID, reason, &seen)
		if number == 0 {
			return err
		}
		withdrawErr := err
		if run, err = loadRun(ctx, tx, number); err != nil {
			return err
		}
		if empty, err := isEmpty(ctx, tx, from); err != nil {
			return err
		} else if empty {
			emptyPass = from
		}
		return withdrawErr
	})
	if err == nil || errors.Is(err, ledger.ErrFinalized) {
		s.reportFinish(seen, run.Number)
	}
	return run, emptyPass, err
}

// withdraw returns the run with the outcome of the request, and the run that served the request
// before, 0 for none.
func withdraw(ctx context.Context, tx pgx.Tx, requestID, reason string, seen *observed) (number, from int64, err error) {
	request, err := lockRequest(ctx, tx, requestID)
	if err != nil {
		return 0, 0, err
	}
	if !request.Mode.Info().PerTenant {
		return 0, 0, fmt.Errorf("it is a %s request, want an incremental one", request.Mode)
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
	number, err = insertFinalized(ctx, tx, request, ledger.WithdrawnPrefix+uuid.NewString(), 0, ledger.Finalization{State: ledger.Cancelled, Reason: reason}, seen)
	if err != nil {
		return 0, 0, err
	}
	_, err = tx.Exec(ctx, "update raw.sync_runs set withdrawn_from = nullif($2, 0) where run_number = $1", number, from)
	return number, from, err
}

// isEmpty reports whether a run is running and serves no request.
func isEmpty(ctx context.Context, tx pgx.Tx, number int64) (empty bool, err error) {
	err = tx.QueryRow(ctx, `
		select exists (select from raw.sync_runs where run_number = $1 and state = 'running')
			and not exists (select from raw.sync_requests where run_number = $1)`, number).Scan(&empty)
	return empty, err
}

// insertFinalized inserts a run that serves one request and has its outcome from the start.
func insertFinalized(ctx context.Context, tx pgx.Tx, request ledger.Request, firstRunID string, pass int, d ledger.Finalization, seen *observed) (int64, error) {
	number, err := insertRun(ctx, tx, ledger.BeginInput{
		TenantID: request.TenantID, Mode: request.Mode, WorkflowID: request.WorkflowID, FirstRunID: firstRunID, Pass: pass,
	}, runScope{entities: request.Entities, allowDeletes: request.AllowDeletes, refresh: request.IsRefresh()})
	if err != nil {
		return 0, err
	}
	if err := claim(ctx, tx, number, []string{request.ID}); err != nil {
		return 0, err
	}
	return number, finalize(ctx, tx, ledger.Ref{Number: number}, d, seen)
}

// FinalizeUnstarted gives a request an outcome whose workflow closed before it began a run. It inserts
// the first run of that workflow with the outcome. If a run has begun meanwhile, it returns that run
// unchanged, perhaps without an outcome. It fails with ledger.ErrUnknown if the request does not
// exist.
func (s *Store) FinalizeUnstarted(ctx context.Context, requestID string, d ledger.Finalization) (run ledger.Run, err error) {
	var seen observed
	err = s.transact(ctx, fmt.Sprintf("finalize request %q as %s", requestID, d.State), func(tx pgx.Tx) error {
		request, err := lockRequest(ctx, tx, requestID)
		if err != nil {
			return err
		}
		number := request.RunNumber
		if number == 0 {
			execution := cmp.Or(request.FirstRunID, ledger.UnstartedPrefix+uuid.NewString())
			if number, err = insertFinalized(ctx, tx, request, execution, 1, d, &seen); err != nil {
				return err
			}
		}
		run, err = loadRun(ctx, tx, number)
		return err
	})
	if err == nil {
		s.reportFinish(seen, run.Number)
	}
	return run, err
}
