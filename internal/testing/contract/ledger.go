package contract

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// LedgerPort is the ledger as the bridge and the activities use it.
type LedgerPort interface {
	bridge.Ledger
	activities.RunLedger
	activities.OutcomeReader
}

// Ledger compares the ledger in memory with a real one. open returns the real one without rows, for each
// sequence.
func Ledger(t *testing.T, open func() LedgerPort) {
	rapid.Check(t, func(t *rapid.T) {
		l := &ledgers{pair: pair[LedgerPort]{&memory.Ledger{Database: memory.NewDatabase()}, open()}, ctx: context.Background()}
		t.Repeat(map[string]func(*rapid.T){
			"receive": l.receive, "receive more": l.receive, "accept": l.accept, "find": l.find, "withdraw": l.withdraw, "list requests": l.listRequests,
			"record control": l.recordControl, "repeat control": l.repeatControl, "signal control": l.signalControl, "settle control": l.settleControl, "answer control": l.answerControl, "list controls": l.listControls,
			"begin": l.begin, "begin an incremental": l.beginIncremental, "begin another incremental": l.beginIncremental, "finalize": l.finalize, "finalize unstarted": l.finalizeUnstarted, "pause": l.recordPause,
			"publish": l.markPublished, "list runs": l.listRuns, "workflow": l.workflow, "numbers": l.raiseRunNumbers, "prune": l.prune,
		})
		l.compareAll(t)
	})
}

// ledgers are the two ledgers of a sequence.
type ledgers struct {
	pair[LedgerPort]
	ctx     context.Context
	numbers []int64 // of the runs that were returned
}

// Values of the arguments. There are few, so that calls meet.
var (
	eventIDs  = rapid.SampledFrom([]string{"e1", "e1", "e2", "e2", "e3", "e3", "e\uFFFD"})
	sources   = rapid.SampledFrom([]string{"/a", "/a", "/a", "/b", ledger.SecondPassSource})
	tenants   = rapid.SampledFrom([]events.TenantID{"42", "42", "42", "43"})
	modes     = rapid.SampledFrom([]events.Mode{events.Incremental, events.Incremental, events.Incremental, events.Full, events.Rebuild, events.Verify})
	names     = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"estimates", "customers", "jobs", "invoices"}), 1, 3, rapid.ID[string])
	firstRuns = rapid.SampledFrom([]string{"x1", "x2"})
	ages      = rapid.SampledFrom([]time.Duration{0, time.Hour})
	words     = rapid.SampledFrom([]string{"", "because", "a\x00b", "a\xffb"})
)

func requestID(t *rapid.T) string {
	return events.RequestID(sources.Draw(t, "source"), eventIDs.Draw(t, "event"))
}

func drawRequest(t *rapid.T) ledger.Request {
	q := ledger.Request{
		Source: sources.Draw(t, "source"), EventID: eventIDs.Draw(t, "event"), TenantID: tenants.Draw(t, "tenant"), Mode: modes.Draw(t, "mode"),
		Entities: names.Draw(t, "entities"), Channel: rapid.SampledFrom([]string{"#sync", "#\x00"}).Draw(t, "channel"), Reason: words.Draw(t, "reason"),
		Digest: rapid.SampledFrom([]string{"d1", "d1", "d2"}).Draw(t, "digest"), Message: rapid.SampledFrom([]string{"", "m1", "m2"}).Draw(t, "message"),
		Traceparent: rapid.SampledFrom([]string{"", "00-1"}).Draw(t, "traceparent"), AllowDeletes: rapid.Bool().Draw(t, "allow deletes"),
		Wait: rapid.SampledFrom([]time.Duration{0, 0, time.Hour, -2 * time.Hour}).Draw(t, "wait"),
	}
	q.ID = events.RequestID(q.Source, q.EventID)
	q.WorkflowID = q.Mode.WorkflowID(q.TenantID, q.ID)
	if q.Mode == events.Incremental {
		switch rapid.IntRange(0, 5).Draw(t, "refresh") {
		case 0:
			q.IDs, q.Entities = []string{"7", "8"}, q.Entities[:1]
		case 1:
			since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			q.Since, q.Entities = &since, q.Entities[:1]
		}
	}
	return q
}

func (l *ledgers) receive(t *rapid.T) {
	requests := rapid.SliceOfN(rapid.Custom(drawRequest), 1, 3).Draw(t, "requests")
	_, _ = call(t, l.pair, "Receive", func(p LedgerPort) ([]ledger.Receipt, error) { return p.Receive(l.ctx, requests) })
}

func (l *ledgers) accept(t *rapid.T) {
	started := map[string]string{}
	for range rapid.IntRange(1, 2).Draw(t, "count") {
		started[requestID(t)] = firstRuns.Draw(t, "first run")
	}
	_, _ = call(t, l.pair, fmt.Sprint("Accept ", started), func(p LedgerPort) (map[string]string, error) { return p.Accept(l.ctx, started) })
}

func (l *ledgers) find(t *rapid.T) {
	ref := rapid.OneOf(rapid.Custom(requestID), eventIDs, rapid.SampledFrom([]string{"unknown", "e\x00", "e\xff"})).Draw(t, "ref")
	_, _ = call(t, l.pair, "FindRequests "+ref, func(p LedgerPort) ([]ledger.Request, error) { return p.FindRequests(l.ctx, ref) })
	_, _ = call(t, l.pair, "Request "+ref, func(p LedgerPort) (ledger.Receipt, error) { return p.Request(l.ctx, ref) })
}

// runAndFlag is a result of two values.
type runAndFlag struct {
	Run  ledger.Run
	Flag bool
}

// withdrawal is the result of WithdrawRequest.
type withdrawal struct {
	Run       ledger.Run
	EmptyPass int64
}

func (l *ledgers) withdraw(t *rapid.T) {
	id, reason := requestID(t), words.Draw(t, "reason")
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		withdrawn, _ := call(t, l.pair, "WithdrawRequest "+id, func(p LedgerPort) (r withdrawal, err error) {
			r.Run, r.EmptyPass, err = p.WithdrawRequest(l.ctx, id, reason)
			return r, err
		})
		l.note(withdrawn.Run)
	}
}

func (l *ledgers) listRequests(t *rapid.T) {
	age := ages.Draw(t, "age")
	_, _ = call(t, l.pair, "Unstarted", func(p LedgerPort) ([]ledger.Request, error) { return p.Unstarted(l.ctx, age) })
	_, _ = call(t, l.pair, "AcceptedWithoutRun", func(p LedgerPort) ([]ledger.Request, error) { return p.AcceptedWithoutRun(l.ctx, age) })
}

func (l *ledgers) workflow(t *rapid.T) {
	id := drawRequest(t).WorkflowID
	_, _ = call(t, l.pair, "Workflow "+id, func(p LedgerPort) (ledger.WorkflowState, error) { return p.Workflow(l.ctx, id) })
	until := limits.Draw(t, "until")
	_, _ = call(t, l.pair, fmt.Sprint("HasOpenRequest ", id, until), func(p LedgerPort) (bool, error) { return p.HasOpenRequest(l.ctx, id, until) })
}

// note remembers a run.
func (l *ledgers) note(run ledger.Run) {
	if run.Number != 0 && !slices.Contains(l.numbers, run.Number) {
		l.numbers = append(l.numbers, run.Number)
	}
}

// compareAll compares everything that the ledgers have.
func (l *ledgers) compareAll(t *rapid.T) {
	for _, source := range []string{"/a", "/b", ledger.SecondPassSource} {
		for _, event := range []string{"e1", "e2", "e3", "e\uFFFD"} {
			id := events.RequestID(source, event)
			_, _ = call(t, l.pair, "Request "+id, func(p LedgerPort) (ledger.Receipt, error) { return p.Request(l.ctx, id) })
		}
	}
	for _, number := range l.numbers {
		_, _ = call(t, l.pair, fmt.Sprint("Run ", number), func(p LedgerPort) (ledger.Run, error) { return p.Run(l.ctx, number) })
	}
	l.listAllControls(t, 0)
	l.listAllRuns(t)
}
