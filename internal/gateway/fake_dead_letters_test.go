package gateway

import (
	"cmp"
	"context"
	"slices"

	"github.com/lazi/lazisync/internal/ledger"
)

// fakeDeadLetters is a dead-letter stream, oldest first.
type fakeDeadLetters struct {
	list []DeadLetter
	fail error
}

func (f *fakeDeadLetters) Latest(_ context.Context, before uint64, limit int) (list []DeadLetter, total, next uint64, err error) {
	for _, d := range slices.Backward(f.list) {
		if before > 0 && d.Sequence >= before {
			continue
		}
		if len(list) == limit {
			next = d.Sequence + 1
			break
		}
		list = append(list, d)
	}
	return list, uint64(len(f.list)), next, f.fail
}

func (f *fakeDeadLetters) Get(_ context.Context, sequence uint64) (DeadLetter, error) {
	for _, d := range f.list {
		if d.Sequence == sequence {
			return d, f.fail
		}
	}
	return DeadLetter{}, cmp.Or(f.fail, ErrNoDeadLetter)
}

func (f *fakeDeadLetters) Replay(_ context.Context, d DeadLetter, actor string) error {
	return f.handle(d, ledger.Handling{Replay: &ledger.Replay{At: today, Actor: actor}})
}

func (f *fakeDeadLetters) Dismiss(_ context.Context, d DeadLetter, actor, reason string) error {
	return f.handle(d, ledger.Handling{Dismissal: &ledger.Dismissal{At: today, Actor: actor, Reason: reason}})
}

func (f *fakeDeadLetters) handle(d DeadLetter, how ledger.Handling) error {
	for i := range f.list {
		if f.fail == nil && f.list[i].Sequence == d.Sequence {
			f.list[i].Handling = how
		}
	}
	return f.fail
}
