package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
	"golang.org/x/sync/errgroup"
)

// asked is one message of a batch with the request it holds and what became of it.
type asked struct {
	message Message
	event   events.Event
	request ledger.Request
	receipt ledger.Receipt

	duplicate bool              // another message brought the request
	echo      bool              // an earlier message of the batch has the request, and sees to it
	withdrawn bool              // a cancel came first: nothing needs to be started for it
	cancel    *ledger.Control   // a cancel came first: its workflow starts with it
	runID     string            // first run of the workflow that serves it, where known
	why       *events.Rejection // it can never be served
	err       error             // it has to come again
}

// standing says whether nothing has kept the message from being acknowledged yet.
func (a *asked) standing() bool { return a.why == nil && a.err == nil }

// fresh says whether Temporal may not have heard of the request yet.
func (a *asked) fresh() bool { return a.standing() && a.receipt.State == ledger.Received }

// batch is the messages that were fetched together.
type batch []*asked

// HandleRequests carries out a batch of sync.requested and settles every message
// of it. Each is judged on its own; those that go to the same workflow share one
// Temporal call. The order is the same for all: recorded, given to Temporal,
// accepted, answered, acknowledged.
//
// An error says that something the bridge depends on is out of order. The
// messages it concerns come again; the caller had better wait before it fetches more.
func (b *Bridge) HandleRequests(ctx context.Context, messages []Message) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	all := make(batch, len(messages))
	for i, m := range messages {
		all[i] = b.read(m)
	}
	b.record(ctx, all)
	failpoint.Hit("bridge/recorded")
	b.heedCancels(ctx, all)
	b.dispatch(ctx, all)
	failpoint.Hit("bridge/accepted")
	b.answer(ctx, all)
	failpoint.Hit("bridge/answered")
	b.settle(ctx, all)
	return errors.Join(all.trouble(), b.applyParked(ctx, all.accepted()))
}

// read judges one message.
func (b *Bridge) read(m Message) *asked {
	a := &asked{message: m}
	var err error
	a.event, a.request, err = b.request(m.Event())
	if !errors.As(err, &a.why) && err != nil {
		a.err = fmt.Errorf("read request %s %d: %w", m.Event().Stream, m.Event().Sequence, err)
	}
	return a
}

// record writes the requests to the ledger, with the second passes that follow them,
// and learns what it holds of them already.
func (b *Bridge) record(ctx context.Context, all batch) {
	standing := all.which((*asked).standing)
	if len(standing) == 0 {
		return
	}
	requests := make([]ledger.Request, len(standing))
	for i, a := range standing {
		requests[i] = a.request
	}
	receipts, err := b.Ledger.Receive(ctx, append(requests, b.secondPasses(requests)...))
	if err != nil {
		standing.fail(fmt.Errorf("record %d requests: %w", len(requests), err))
		return
	}
	seen := map[string]bool{}
	for i, a := range standing {
		a.receipt = receipts[i]
		a.runID = a.receipt.FirstRunID
		a.duplicate, a.echo = a.receipt.DuplicateFor(a.request), seen[a.request.ID]
		if a.receipt.Conflict {
			a.why = conflict(a.request.EventID)
			continue
		}
		seen[a.request.ID] = true
	}
}

// answer publishes sync.accepted for every request that Temporal has.
func (b *Bridge) answer(ctx context.Context, all batch) {
	standing := all.which((*asked).standing)
	answers := make([]events.Event, 0, len(standing))
	answered := make(batch, 0, len(standing))
	for _, a := range standing {
		event, err := b.accepted(a.acceptance(), a.message.Event().Sequence, a.request.Traceparent)
		if err != nil {
			a.err = err
			continue
		}
		answers, answered = append(answers, event), append(answered, a)
	}
	for i, err := range b.Publisher.PublishAll(ctx, answers) {
		if err != nil {
			answered[i].err = err
			continue
		}
		answer := answerAccepted
		if answered[i].duplicate {
			answer = answerDuplicate
		}
		b.OnAnswer(events.KindRequest, answer)
	}
}

func (a *asked) acceptance() events.AcceptedData {
	data := acceptance(a.receipt.Request)
	data.RunID, data.Duplicate, data.Message = a.runID, a.duplicate, a.request.Message
	if o := a.receipt.Outcome; a.duplicate && o != nil {
		data.Outcome = &events.OutcomeRef{Type: o.State.EventType(), RunNumber: o.RunNumber, Skipped: o.Skipped}
	}
	return data
}

// acceptance says that a request is carried out.
func acceptance(r ledger.Request) events.AcceptedData {
	return events.AcceptedData{
		Kind: events.KindRequest, RequestID: r.ID, Event: events.EventRef{Source: r.Source, ID: r.EventID},
		WorkflowID: r.WorkflowID, RunID: r.FirstRunID, Message: r.Message,
	}
}

// settle ends every delivery: acknowledged, rejected, or asked for again.
func (b *Bridge) settle(ctx context.Context, all batch) {
	var group errgroup.Group
	group.SetLimit(parallelCalls)
	for _, a := range all {
		group.Go(func() error {
			switch {
			case a.err != nil:
				a.err = b.retry(a.message, a.err)
			case a.why != nil:
				a.err = b.reject(ctx, a.message, events.KindRequest, a.event, a.why)
			default:
				a.err = acknowledge(ctx, a.message)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong stands in each message
}

func acknowledge(ctx context.Context, m Message) error {
	if err := m.Ack(ctx); err != nil {
		return fmt.Errorf("acknowledge %s %d: %w", m.Event().Stream, m.Event().Sequence, err)
	}
	return nil
}

func (all batch) which(is func(*asked) bool) batch {
	var some batch
	for _, a := range all {
		if is(a) {
			some = append(some, a)
		}
	}
	return some
}

func (all batch) fail(err error) {
	for _, a := range all {
		a.err = err
	}
}

// accepted lists the requests that this batch brought from received to accepted.
func (all batch) accepted() []ledger.Request {
	var requests []ledger.Request
	for _, a := range all {
		if a.fresh() && !a.echo {
			requests = append(requests, a.request)
		}
	}
	return requests
}

// trouble is what went wrong.
func (all batch) trouble() error {
	errs := make([]error, len(all))
	for i, a := range all {
		errs[i] = a.err
	}
	return joinOnce(errs)
}

// joinOnce joins errors and names each thing once, however many it concerns.
func joinOnce(errs []error) error {
	told := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		if err == nil || told[err.Error()] {
			return true
		}
		told[err.Error()] = true
		return false
	})...)
}

func conflict(id string) *events.Rejection {
	return events.Reject(events.CodeConflict, events.FieldError{
		Path: "id", Got: quote(id) + " again with other data", Want: "an id of its own; the first event stands",
	})
}
