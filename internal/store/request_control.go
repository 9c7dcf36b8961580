package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// controlColumns are the columns that scanControl reads, and controlsSQL selects them.
const controlColumns = `control_id, source, event_id, action, workflow_id, target, reason, actor, sequence, message,
	state, rejection, applied_workflow_id, applied_run_id, answered_at is not null, received_at`

func scanControl(row pgx.CollectableRow) (ledger.Control, error) {
	var c ledger.Control
	var sequence int64
	var message []byte
	err := row.Scan(&c.ID, &c.Source, &c.EventID, &c.Action, &c.WorkflowID, &c.Target, &c.Reason, &c.Actor, &sequence, &message,
		&c.State, &c.Rejection, &c.Applied.WorkflowID, &c.Applied.RunID, &c.Answered, &c.ReceivedAt)
	if err != nil {
		return c, err
	}
	c.Sequence = uint64(sequence)
	if err := json.Unmarshal(message, &c.Message); err != nil {
		return c, fmt.Errorf("message of control %s: %w", c.ID, err)
	}
	return c, nil
}

const controlsSQL = "select " + controlColumns + " from raw.sync_controls "

// RecordControl records a control as pending. It returns the control that the ledger has under its
// identity, and whether it was recorded before. A later message with the same control repeats it and has
// the same result, unless the control was rejected and answered by then: the message is a replay, and the
// control is pending again. It fails with ledger.ErrConflict if a request has the identity.
func (s *Store) RecordControl(ctx context.Context, c ledger.Control) (held ledger.Control, repeated bool, err error) {
	message, err := json.Marshal(c.Message)
	if err != nil {
		return held, false, fmt.Errorf("record control %s: %w", c.ID, err)
	}
	err = s.transact(ctx, fmt.Sprintf("record control %s", c.ID), func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			insert into raw.sync_controls as held (control_id, source, event_id, action, workflow_id, target, reason, actor, sequence, message)
			select $1, $2, $3, $4, $5, $6, $7, $8, $9::bigint, $10::bytea
			where not exists (select from raw.sync_requests where request_id = $1)
			on conflict (control_id) do update
			set reason = excluded.reason, actor = excluded.actor, sequence = excluded.sequence, message = excluded.message,
				state = 'pending', rejection = null, signalled_at = null, settled_at = null, answered_at = null, received_at = excluded.received_at
			where held.state = 'rejected' and held.answered_at is not null and greatest(held.sequence, held.repeated_sequence) < excluded.sequence
				and (held.action, held.workflow_id, held.target) = (excluded.action, excluded.workflow_id, excluded.target)`,
			c.ID, text(c.Source), text(c.EventID), c.Action, text(c.WorkflowID), text(c.Target), text(c.Reason), text(c.Actor),
			int64(c.Sequence), message)
		if err != nil {
			return err
		}
		if repeated = tag.RowsAffected() == 0; repeated { // the row is locked, although it was not updated
			if err := recordRepetition(ctx, tx, c); err != nil {
				return err
			}
		}
		found, err := pgx.CollectRows(query(ctx, tx, controlsSQL+"where control_id = $1", c.ID), scanControl)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return ledger.ErrConflict
		}
		held = found[0]
		return nil
	})
	return held, repeated, err
}

// recordRepetition records that a message repeats a control. Redelivered after the control was rejected and
// answered, it must not be taken for a replay: it has the same answer.
func recordRepetition(ctx context.Context, tx pgx.Tx, c ledger.Control) error {
	_, err := tx.Exec(ctx, `
		update raw.sync_controls set repeated_sequence = $2
		where control_id = $1 and greatest(sequence, repeated_sequence) < $2 and (action, workflow_id, target) = ($3, $4, $5)`,
		c.ID, int64(c.Sequence), c.Action, text(c.WorkflowID), text(c.Target))
	return err
}

// HasControl reports whether a control was recorded.
func (s *Store) HasControl(ctx context.Context, id string) (has bool, err error) {
	err = s.read(ctx, fmt.Sprintf("read control %s", id), func(q ddl.Querier) error {
		return q.QueryRow(ctx, "select exists (select from raw.sync_controls where control_id = $1)", id).Scan(&has)
	})
	return has, err
}

// MarkControlSignalled records that the signal of a control is sent. first is false if that was recorded
// before, or if the control does not exist.
func (s *Store) MarkControlSignalled(ctx context.Context, id string) (first bool, err error) {
	err = s.transact(ctx, fmt.Sprintf("mark control %s as signalled", id), func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update raw.sync_controls set signalled_at = clock_timestamp() where control_id = $1 and signalled_at is null", id)
		first = tag.RowsAffected() > 0
		return err
	})
	return first, err
}

// IsControlSignalled reports whether the signal of a control may have been sent since the control became
// pending.
func (s *Store) IsControlSignalled(ctx context.Context, id string) (signalled bool, err error) {
	err = s.read(ctx, fmt.Sprintf("read control %s", id), func(q ddl.Querier) error {
		return q.QueryRow(ctx, "select exists (select from raw.sync_controls where control_id = $1 and signalled_at is not null)", id).Scan(&signalled)
	})
	return signalled, err
}

// HasOpenRequest reports whether a workflow has a request without an outcome that was published until a time
// in ns.
func (s *Store) HasOpenRequest(ctx context.Context, workflowID string, until uint64) (has bool, err error) {
	err = s.read(ctx, fmt.Sprintf("read the open requests of %q", workflowID), func(q ddl.Querier) error {
		var request ledger.Request
		has = false
		_, err := pgx.ForEachRow(query(ctx, q, `
			select q.message, q.received_at from raw.sync_requests q left join raw.sync_runs r using (run_number)
			where q.workflow_id = $1 and (q.run_number is null or r.state = 'running')`, text(workflowID)),
			[]any{&request.Message, &request.ReceivedAt}, func() error {
				has = has || request.IsPublishedUntil(until)
				return nil
			})
		return err
	})
	return has, err
}

// SettleControl sets State, Rejection and Applied of a pending control and returns the control. A
// settled control is returned unchanged. It fails with ledger.ErrUnknown if the control does not
// exist.
func (s *Store) SettleControl(ctx context.Context, c ledger.Control) (settled ledger.Control, err error) {
	id, state := c.ID, c.State
	doc, err := document(c.Rejection)
	if err != nil {
		return settled, fmt.Errorf("settle control %s: %w", id, err)
	}
	err = s.transact(ctx, fmt.Sprintf("settle control %s as %s", id, state), func(tx pgx.Tx) error {
		settled, err = pgx.CollectExactlyOneRow(query(ctx, tx, `
			update raw.sync_controls
			set state       = case when state = 'pending' then $2 else state end,
				rejection   = case when state = 'pending' then $3 else rejection end,
				applied_workflow_id = case when state = 'pending' then $4 else applied_workflow_id end,
				applied_run_id      = case when state = 'pending' then $5 else applied_run_id end,
				settled_at  = coalesce(settled_at, clock_timestamp())
			where control_id = $1
			returning `+controlColumns, id, string(state), doc, text(c.Applied.WorkflowID), text(c.Applied.RunID)), scanControl)
		if errors.Is(err, pgx.ErrNoRows) {
			return ledger.ErrUnknown
		}
		return err
	})
	return settled, err
}

// MarkControlAnswered records that the answer of a control is published.
func (s *Store) MarkControlAnswered(ctx context.Context, id string) error {
	return s.exec(ctx, fmt.Sprintf("mark control %s as answered", id),
		"update raw.sync_controls set answered_at = clock_timestamp() where control_id = $1 and answered_at is null", id)
}

// UnansweredControls lists the controls that were settled longer than an age ago and whose answer is
// not known to be published. An applied control without a workflow was settled and answered by an
// earlier version.
func (s *Store) UnansweredControls(ctx context.Context, olderThan time.Duration) ([]ledger.Control, error) {
	return readRows(ctx, s, "list unanswered controls", scanControl, controlsSQL+`where answered_at is null
		and (state = 'rejected' or state = 'applied' and applied_workflow_id <> '')
		and settled_at < clock_timestamp() - $1::interval order by sequence, control_id`, olderThan)
}

// PendingControls lists the controls that wait for their target, in the order in which they apply.
func (s *Store) PendingControls(ctx context.Context) ([]ledger.Control, error) {
	return readRows(ctx, s, "list pending controls", scanControl, controlsSQL+"where state = 'pending' order by sequence, control_id")
}
