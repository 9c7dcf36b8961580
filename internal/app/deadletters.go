package app

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
)

// maxHistory is how many events the gateway reads for the history of one run.
const maxHistory = 20_000

// runSubjects are the subjects of the events of one run.
var runSubjects = []string{
	events.Started.Subject, events.Paused.Subject, events.Resumed.Subject, events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
}

// deadLetterStream is the dead-letter stream as the gateway uses it, with what was done with each
// message.
type deadLetterStream struct {
	conn  *stream.Conn
	store *store.Store
	log   zerolog.Logger
}

func (d deadLetterStream) Latest(ctx context.Context, before uint64, limit int) (list []gateway.DeadLetter, total, next uint64, err error) {
	found, total, next, err := d.conn.LatestDeadLetters(ctx, before, limit)
	if err != nil {
		return nil, 0, 0, err
	}
	handlings, err := d.store.Handlings(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	for _, one := range found {
		list = append(list, viewDeadLetter(one, handlings))
	}
	return list, total, next, nil
}

func (d deadLetterStream) Get(ctx context.Context, sequence uint64) (gateway.DeadLetter, error) {
	found, err := d.conn.DeadLetterAt(ctx, sequence)
	if errors.Is(err, stream.ErrNoDeadLetter) {
		return gateway.DeadLetter{}, gateway.ErrNoDeadLetter
	}
	if err != nil {
		return gateway.DeadLetter{}, err
	}
	handlings, err := d.store.Handlings(ctx)
	return viewDeadLetter(found, handlings), err
}

// Replay logs the error of the record: the message is published.
func (d deadLetterStream) Replay(ctx context.Context, one gateway.DeadLetter, actor string) error {
	name, sequence, err := d.conn.Replay(ctx, one.Sequence)
	if err != nil {
		return err
	}
	if err := d.store.RecordReplay(ctx, keyOf(one), ledger.Replay{Actor: actor, Stream: name, Sequence: sequence}); err != nil {
		d.log.Warn().Err(err).Uint64("sequence", one.Sequence).Msg("replay of a dead letter not recorded, it stays open")
	}
	return nil
}

func (d deadLetterStream) Dismiss(ctx context.Context, one gateway.DeadLetter, actor, reason string) error {
	return d.store.DismissDeadLetters(ctx, []ledger.DeadLetterKey{keyOf(one)}, ledger.Dismissal{Actor: actor, Reason: reason})
}

func keyOf(d gateway.DeadLetter) ledger.DeadLetterKey {
	return ledger.DeadLetterKey{Sequence: d.Sequence, RejectedAt: d.At}
}

func viewDeadLetter(d stream.DeadLetter, handlings map[ledger.DeadLetterKey]ledger.Handling) gateway.DeadLetter {
	view := gateway.DeadLetter{Sequence: d.Sequence, At: d.At, Code: d.Code, Reason: d.Reason, Attempts: d.Attempts, Message: d.Message}
	view.Handling = handlings[keyOf(view).Normalized()]
	return view
}
