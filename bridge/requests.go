package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// delivery is one message of a batch, its request and the result of processing it.
type delivery struct {
	message Message
	event   events.Event
	request ledger.Request
	receipt ledger.Receipt

	duplicate bool              // another message brought the request
	repeated  bool              // an earlier message of the batch has the same request
	withdrawn bool              // cancelled before it was dispatched: nothing is started for it
	cancel    *ledger.Control   // a cancel that arrived before the request: its workflow starts with it
	runID     string            // first run of the workflow that serves it, "" if unknown
	rejection *events.Rejection // set if it can never be served
	err       error             // set if the message must be redelivered
}

// ok reports whether the delivery has neither failed nor been rejected so far.
func (d *delivery) ok() bool { return d.rejection == nil && d.err == nil }

// isUndispatched reports whether Temporal may not have the request yet.
func (d *delivery) isUndispatched() bool { return d.ok() && d.receipt.State == ledger.Received }

// batch is the deliveries that were fetched together.
type batch []*delivery

// HandleRequests processes a batch of sync.requested and settles each of its messages.
// Messages are processed in the same steps but independently of each other; requests for the
// same workflow share one Temporal call. The steps are: record, dispatch to Temporal, mark as
// accepted, answer, acknowledge.
//
// An error means that a dependency is unavailable. The affected messages are redelivered;
// the caller should wait before it fetches more.
func (b *Bridge) HandleRequests(ctx context.Context, messages []Message) error {
	if err := b.VerifyNamespace(ctx); err != nil {
		return err
	}
	if len(messages) == 1 {
		ctx = messages[0].Context(ctx)
	}
	all, validator := make(batch, len(messages)), b.validator()
	for i, m := range messages {
		all[i] = b.decodeDelivery(ctx, validator, m)
	}
	b.record(ctx, all)
	failpoint.Hit("bridge/recorded")
	b.applyEarlyCancels(ctx, all)
	b.dispatch(ctx, all)
	failpoint.Hit("bridge/accepted")
	b.answer(ctx, all)
	failpoint.Hit("bridge/answered")
	b.settle(ctx, all)
	return errors.Join(all.errs(), b.applyPendingControls(ctx, all.accepted()))
}

// decodeDelivery decodes a message. With traces, what follows from the request belongs to the
// span of the delivery and not directly to that of the publisher.
func (b *Bridge) decodeDelivery(ctx context.Context, validator events.Validator, m Message) *delivery {
	d := &delivery{message: m}
	var err error
	d.event, d.request, err = b.decodeRequest(validator, m.Event())
	if !errors.As(err, &d.rejection) && err != nil {
		d.err = fmt.Errorf("decode %s: %w", place(m.Event()), err)
	}
	d.request.Traceparent = cmp.Or(events.TraceParentOf(m.Context(ctx)), d.request.Traceparent)
	return d
}

// record records the requests and their second passes in the ledger, and notes what the
// ledger already has of them.
func (b *Bridge) record(ctx context.Context, all batch) {
	decoded := all.filter((*delivery).ok)
	b.receive(ctx, decoded)
	seen := map[string]bool{}
	for _, d := range decoded.filter((*delivery).ok) {
		d.repeated = seen[d.request.ID]
		seen[d.request.ID] = true
	}
}

// receive records the requests of deliveries together. If the ledger refuses them permanently, each is
// recorded alone, so that one request cannot keep the others from being recorded.
func (b *Bridge) receive(ctx context.Context, all batch) {
	if len(all) == 0 {
		return
	}
	requests := make([]ledger.Request, len(all))
	for i, d := range all {
		requests[i] = d.request
	}
	receipts, err := b.Ledger.Receive(ctx, append(requests, b.secondPasses(requests)...))
	switch refusal, refused := errors.AsType[interface {
		error
		Permanent() bool
	}](err); {
	case err == nil:
	case refused && refusal.Permanent() && len(all) > 1:
		for _, d := range all {
			b.receive(ctx, batch{d})
		}
		return
	default:
		all.fail(fmt.Errorf("record %d requests: %w", len(requests), err))
		return
	}
	for i, d := range all {
		d.receipt = receipts[i]
		d.runID, d.duplicate = d.receipt.FirstRunID, d.receipt.IsDuplicateFor(d.request)
		if d.receipt.Conflict {
			d.rejection = conflict(d.request.EventID)
		}
	}
}

// answer publishes sync.accepted for every accepted request.
func (b *Bridge) answer(ctx context.Context, all batch) {
	var answers []events.Event
	var answered batch
	for _, d := range all.filter((*delivery).ok) {
		event, err := b.acceptedEvent(d.acceptedData(), d.message.Event().Sequence, d.request.Traceparent)
		if err != nil {
			d.err = err
			continue
		}
		answers, answered = append(answers, event), append(answered, d)
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
		b.Recorder.Answered(events.KindRequest, answered[i].request.Mode, answer)
	}
}

func (d *delivery) acceptedData() events.AcceptedData {
	data := acceptedData(d.receipt.Request)
	data.RunID, data.Duplicate, data.Message = d.runID, d.duplicate, d.request.Message
	if o := d.receipt.Outcome; d.duplicate && o != nil {
		data.Outcome = &events.OutcomeRef{Type: o.State.EventType(), RunNumber: o.RunNumber, Skipped: o.Skipped}
	}
	return data
}

// acceptedData returns the data of the sync.accepted of a request.
func acceptedData(r ledger.Request) events.AcceptedData {
	return events.AcceptedData{
		Kind: events.KindRequest, RequestID: r.ID, Event: events.EventRef{Source: r.Source, ID: r.EventID},
		WorkflowID: r.WorkflowID, RunID: r.FirstRunID, Message: r.Message,
	}
}

// settle acknowledges, rejects or retries each delivery, all at once: each confirmation is a round
// trip to NATS, and one by one they would take longer than everything else.
func (b *Bridge) settle(ctx context.Context, all batch) {
	var group sync.WaitGroup
	for _, d := range all {
		group.Go(func() {
			switch {
			case d.err != nil:
				d.err = b.retry(d.message, d.err)
			case d.rejection != nil:
				d.err = b.reject(ctx, d.message, events.KindRequest, d.event, d.rejection)
			default:
				d.err = acknowledge(ctx, d.message)
			}
		})
	}
	group.Wait()
}

func (all batch) filter(keep func(*delivery) bool) batch {
	var kept batch
	for _, d := range all {
		if keep(d) {
			kept = append(kept, d)
		}
	}
	return kept
}

func (all batch) fail(err error) {
	for _, d := range all {
		d.err = err
	}
}

// failRequest fails the deliveries of a request. Those that repeat it in the batch have no call to
// Temporal of their own.
func (all batch) failRequest(id string, err error) {
	for _, d := range all {
		if d.ok() && d.request.ID == id {
			d.err = err
		}
	}
}

// accepted lists the requests that this batch brought from received to accepted.
func (all batch) accepted() []ledger.Request {
	var requests []ledger.Request
	for _, d := range all {
		if d.isUndispatched() && !d.repeated {
			requests = append(requests, d.request)
		}
	}
	return requests
}

// errs joins the errors of the deliveries.
func (all batch) errs() error {
	errs := make([]error, len(all))
	for i, d := range all {
		errs[i] = d.err
	}
	return joinUnique(errs)
}

func conflict(id string) *events.Rejection {
	return events.Reject(events.CodeConflict, events.FieldError{
		Path: "id", Got: strconv.Quote(id) + ", already used with different data", Want: "a new id; the first event is kept",
	})
}
