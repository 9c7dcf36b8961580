package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
)

// RecordPause records that a run is paused, or that it is not any more, and returns the run with
// its requests. A pause or resume with a number that is not higher than the last one changes
// nothing, so that a repeated or late call is safe. It fails with ledger.ErrFinalized if the run
// has an outcome, and with ledger.ErrUnknown if the execution has no such run.
func (s *Store) RecordPause(ctx context.Context, ref ledger.Ref, p ledger.Pause, paused bool) (run ledger.Run, err error) {
	err = s.transact(ctx, fmt.Sprintf("record pause %d of run %d", p.Number, ref.Number), func(tx pgx.Tx) error {
		found, err := lockRun(ctx, tx, ref)
		if err != nil {
			return err
		}
		if found.State != ledger.Running {
			return ledger.ErrFinalized
		}
		if err := savePause(ctx, tx, ref.Number, p, paused); err != nil {
			return err
		}
		run, err = loadRun(ctx, tx, ref.Number)
		return err
	})
	return run, err
}

// savePause writes the pause of a run that the transaction has locked or inserted.
func savePause(ctx context.Context, tx pgx.Tx, run int64, p ledger.Pause, paused bool) error {
	if !paused {
		p.Actor, p.Reason = "", ""
	}
	_, err := tx.Exec(ctx, `
		update raw.sync_runs
		set paused_at = case when $2 then $3::timestamptz end, paused_by = $4, pause_reason = $5, pause_number = $6
		where run_number = $1 and pause_number < $6`,
		run, paused, p.Since, text(p.Actor), text(p.Reason), p.Number)
	return err
}
