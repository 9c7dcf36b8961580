package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// DismissDeadLetters records that dead letters need no action, with the reason. The latest
// dismissal of a dead letter is kept. It does not check that the dead letters exist.
func (s *Store) DismissDeadLetters(ctx context.Context, keys []ledger.DeadLetterKey, d ledger.Dismissal) error {
	return s.transact(ctx, fmt.Sprintf("dismiss %d dead letters", len(keys)), func(tx pgx.Tx) error {
		for _, k := range keys {
			k = k.Normalized()
			if _, err := tx.Exec(ctx, `
				insert into raw.sync_dead_letters (sequence, rejected_at, dismissed_at, dismissed_by, dismiss_reason)
				values ($1, $2, clock_timestamp(), $3, $4)
				on conflict (sequence, rejected_at) do update
				set dismissed_at = excluded.dismissed_at, dismissed_by = excluded.dismissed_by, dismiss_reason = excluded.dismiss_reason`,
				int64(k.Sequence), k.RejectedAt, text(d.Actor), text(d.Reason)); err != nil {
				return err
			}
		}
		return nil
	})
}

// RecordReplay records the latest replay of a dead letter.
func (s *Store) RecordReplay(ctx context.Context, k ledger.DeadLetterKey, r ledger.Replay) error {
	k = k.Normalized()
	return s.exec(ctx, fmt.Sprintf("record the replay of dead letter %d", k.Sequence), `
		insert into raw.sync_dead_letters (sequence, rejected_at, replayed_at, replayed_by, replayed_stream, replayed_sequence)
		values ($1, $2, clock_timestamp(), $3, $4, $5)
		on conflict (sequence, rejected_at) do update
		set replayed_at = excluded.replayed_at, replayed_by = excluded.replayed_by,
			replayed_stream = excluded.replayed_stream, replayed_sequence = excluded.replayed_sequence`,
		int64(k.Sequence), k.RejectedAt, text(r.Actor), text(r.Stream), int64(r.Sequence))
}

// Handlings returns what was done with some dead letters. Open ones are absent. The keys are
// normalized.
func (s *Store) Handlings(ctx context.Context, of []ledger.DeadLetterKey) (map[ledger.DeadLetterKey]ledger.Handling, error) {
	found, sequences := map[ledger.DeadLetterKey]ledger.Handling{}, make([]int64, len(of))
	for i, k := range of {
		sequences[i] = int64(k.Sequence)
	}
	err := s.read(ctx, "list the handling of dead letters", func(q ddl.Querier) error {
		rows := query(ctx, q, `select sequence, rejected_at, dismissed_at, dismissed_by, dismiss_reason,
			replayed_at, replayed_by, replayed_stream, replayed_sequence from raw.sync_dead_letters where sequence = any($1)`, sequences)
		var sequence, replayedSequence int64
		var rejectedAt time.Time
		var dismissedAt, replayedAt *time.Time
		var d ledger.Dismissal
		var r ledger.Replay
		_, err := pgx.ForEachRow(rows, []any{
			&sequence, &rejectedAt, &dismissedAt, &d.Actor, &d.Reason, &replayedAt, &r.Actor, &r.Stream, &replayedSequence,
		}, func() error {
			var h ledger.Handling
			if dismissedAt != nil {
				h.Dismissal = &ledger.Dismissal{At: *dismissedAt, Actor: d.Actor, Reason: d.Reason}
			}
			if replayedAt != nil {
				h.Replay = &ledger.Replay{At: *replayedAt, Actor: r.Actor, Stream: r.Stream, Sequence: uint64(replayedSequence)}
			}
			found[ledger.DeadLetterKey{Sequence: uint64(sequence), RejectedAt: rejectedAt}.Normalized()] = h
			return nil
		})
		return err
	})
	return found, err
}

// CountHandled returns the number of dead letters that were dismissed or replayed, of those from
// the first one that the stream still has.
func (s *Store) CountHandled(ctx context.Context, first ledger.DeadLetterKey) (n uint64, err error) {
	first = first.Normalized()
	err = s.read(ctx, "count handled dead letters", func(q ddl.Querier) error {
		return q.QueryRow(ctx, "select count(*) from raw.sync_dead_letters where sequence >= $1 and rejected_at >= $2",
			int64(first.Sequence), first.RejectedAt).Scan(&n)
	})
	return n, err
}

// Receipts reads requests by ID with their outcomes. Unknown ones are absent.
func (s *Store) Receipts(ctx context.Context, ids []string) (map[string]ledger.Receipt, error) {
	return readValue(ctx, s, fmt.Sprintf("read %d requests", len(ids)), func(q ddl.Querier) (map[string]ledger.Receipt, error) {
		return readReceipts(ctx, q, ids)
	})
}

// Controls reads controls by ID. Unknown ones are absent.
func (s *Store) Controls(ctx context.Context, ids []string) (map[string]ledger.Control, error) {
	found, err := readRows(ctx, s, fmt.Sprintf("read %d controls", len(ids)), scanControl, controlsSQL+"where control_id = any($1)", ids)
	controls := make(map[string]ledger.Control, len(found))
	for _, c := range found {
		controls[c.ID] = c
	}
	return controls, err
}
