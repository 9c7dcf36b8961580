package gateway

import (
	"cmp"
	"context"
	"slices"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// fakeDeadLetters is a dead-letter stream, oldest first, and what was done with its messages.
type fakeDeadLetters struct {
	list []deadLetter
	fail error
}

func (f *fakeDeadLetters) LatestDeadLetters(_ context.Context, before uint64, limit int) (list []events.RejectedMessage, total, next uint64, err error) {
	for _, d := range slices.Backward(f.list) {
		if before > 0 && d.Sequence >= before {
			continue
		}
		if len(list) == limit {
			next = d.Sequence + 1
			break
		}
		list = append(list, d.RejectedMessage)
	}
	return list, uint64(len(f.list)), next, f.fail
}

func (f *fakeDeadLetters) DeadLetterAt(_ context.Context, sequence uint64) (events.RejectedMessage, error) {
	for _, d := range f.list {
		if d.Sequence == sequence {
			return d.RejectedMessage, f.fail
		}
	}
	return events.RejectedMessage{}, cmp.Or(f.fail, events.ErrNoDeadLetter)
}

func (f *fakeDeadLetters) Replay(context.Context, uint64) (stream string, at uint64, err error) {
	return "SYNC_COMMANDS", 13, f.fail
}

func (f *fakeDeadLetters) Handlings(context.Context, []ledger.DeadLetterKey) (map[ledger.DeadLetterKey]ledger.Handling, error) {
	found := map[ledger.DeadLetterKey]ledger.Handling{}
	for _, d := range f.list {
		found[d.key()] = d.Handling
	}
	return found, f.fail
}

func (f *fakeDeadLetters) RecordReplay(_ context.Context, k ledger.DeadLetterKey, r ledger.Replay) error {
	r.At = today
	return f.handle(k, ledger.Handling{Replay: &r})
}

func (f *fakeDeadLetters) DismissDeadLetters(_ context.Context, keys []ledger.DeadLetterKey, d ledger.Dismissal) error {
	d.At = today
	return f.handle(keys[0], ledger.Handling{Dismissal: &d})
}

func (f *fakeDeadLetters) handle(k ledger.DeadLetterKey, how ledger.Handling) error {
	for i := range f.list {
		if f.fail == nil && f.list[i].key() == k {
			f.list[i].Handling = how
		}
	}
	return f.fail
}
