package contract

import (
	"context"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

var outcomes = rapid.Custom(func(t *rapid.T) ledger.Finalization {
	f := ledger.Finalization{
		State:  rapid.SampledFrom([]ledger.RunState{ledger.Completed, ledger.Failed, ledger.Cancelled, ledger.Paused}).Draw(t, "outcome"),
		Reason: words.Draw(t, "reason"), ClaimQueued: rapid.Bool().Draw(t, "claim queued"), ClaimUntil: limits.Draw(t, "claim until"),
	}
	if f.State == ledger.Failed && rapid.Bool().Draw(t, "with an error") {
		f.Error = &events.RunError{Type: events.APIError, Message: "no answer"}
	}
	return f
})

// limits are times in ns before and after those of all requests: each ledger has a clock of its own.
var limits = rapid.SampledFrom([]uint64{0, 1, 1 << 62})

func (l *ledgers) begin(t *rapid.T) { l.beginMode(t, modes.Draw(t, "mode")) }

func (l *ledgers) beginIncremental(t *rapid.T) { l.beginMode(t, events.Incremental) }

func (l *ledgers) beginMode(t *rapid.T, mode events.Mode) {
	b := ledger.BeginInput{FirstRunID: firstRuns.Draw(t, "first run"), Pass: rapid.IntRange(1, 3).Draw(t, "pass"), Mode: mode, TenantID: tenants.Draw(t, "tenant")}
	if b.Mode.Info().PerTenant {
		b.Refreshes, b.MayWait = rapid.Bool().Draw(t, "refreshes"), rapid.Bool().Draw(t, "may wait")
		b.MinInterval = rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "interval")
		b.WorkflowID, b.ClaimUntil = b.Mode.WorkflowID(b.TenantID, ""), limits.Draw(t, "claim until")
		if rapid.IntRange(0, 3).Draw(t, "paused") == 0 {
			b.Pause = &ledger.Pause{Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Number: rapid.IntRange(0, 2).Draw(t, "number")}
		}
	} else {
		b.Pass, b.RequestID = 1, requestID(t)
		b.WorkflowID = b.Mode.WorkflowID(b.TenantID, b.RequestID)
	}
	begun, _ := call(t, l.pair, fmt.Sprintf("BeginRun %s %s %d", b.WorkflowID, b.FirstRunID, b.Pass), func(p LedgerPort) (r runAndFlag, err error) {
		r.Run, r.Flag, err = p.BeginRun(l.ctx, b)
		return r, err
	})
	l.note(begun.Run)
}

// drawRef draws how to refer to a run: by its number alone, with its execution, or with another one.
// Runs that exist only in the ledger have another execution in each ledger.
func (l *ledgers) drawRef(t *rapid.T) (what string, of func(LedgerPort) ledger.Ref) {
	number := rapid.SampledFrom(append([]int64{0, 1}, l.numbers...)).Draw(t, "run")
	kind := rapid.SampledFrom([]string{"of", "with its execution", "with its execution", "with another execution", "with another pass"}).Draw(t, "ref")
	return fmt.Sprintf("%d %s", number, kind), func(p LedgerPort) ledger.Ref {
		ref := ledger.Ref{Number: number}
		if kind == "of" {
			return ref
		}
		if run, err := p.Run(context.Background(), number); err == nil {
			ref = run.Ref()
		}
		switch kind {
		case "with another execution":
			ref.Execution.FirstRunID = "elsewhere"
		case "with another pass":
			ref.Execution.Pass += 7
		}
		return ref
	}
}

func (l *ledgers) finalize(t *rapid.T) {
	what, ref := l.drawRef(t)
	f := outcomes.Draw(t, "finalization")
	_, _ = call(t, l.pair, fmt.Sprint("Finalize ", what, " ", f.State), func(p LedgerPort) (ledger.Run, error) { return p.Finalize(l.ctx, ref(p), f) })
}

// finalizeUnstarted is for requests with a workflow of their own, as the bridge calls it.
func (l *ledgers) finalizeUnstarted(t *rapid.T) {
	id, f := requestID(t), outcomes.Draw(t, "finalization")
	if receipt, err := l.memory.Request(l.ctx, id); err == nil && receipt.Mode.Info().PerTenant {
		t.Skip("an incremental")
	}
	finalized, _ := call(t, l.pair, "FinalizeUnstarted "+id, func(p LedgerPort) (ledger.Run, error) { return p.FinalizeUnstarted(l.ctx, id, f) })
	l.note(finalized)
}

func (l *ledgers) recordPause(t *rapid.T) {
	what, ref := l.drawRef(t)
	paused := rapid.Bool().Draw(t, "paused")
	p := ledger.Pause{
		Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Actor: words.Draw(t, "actor"), Reason: words.Draw(t, "reason"), Number: rapid.IntRange(0, 3).Draw(t, "number"),
	}
	_, _ = call(t, l.pair, fmt.Sprint("RecordPause ", what), func(port LedgerPort) (ledger.Run, error) { return port.RecordPause(l.ctx, ref(port), p, paused) })
}

func (l *ledgers) markPublished(t *rapid.T) {
	what, ref := l.drawRef(t)
	_, _ = call(t, l.pair, "MarkPublished "+what, func(p LedgerPort) (any, error) { return nil, p.MarkPublished(l.ctx, ref(p)) })
}

func (l *ledgers) listRuns(t *rapid.T) {
	number := rapid.SampledFrom(append([]int64{0}, l.numbers...)).Draw(t, "run")
	_, _ = call(t, l.pair, fmt.Sprint("RunHeader ", number), func(p LedgerPort) (ledger.Run, error) { return p.RunHeader(l.ctx, number) })
	l.listAllRuns(t)
}

func (l *ledgers) listAllRuns(t *rapid.T) {
	_, _ = call(t, l.pair, "Unfinalized", func(p LedgerPort) ([]ledger.Run, error) { return p.Unfinalized(l.ctx) })
	_, _ = call(t, l.pair, "Unpublished", func(p LedgerPort) ([]ledger.Run, error) { return p.Unpublished(l.ctx) })
}

// raised is the result of RaiseRunNumbers.
type raised struct {
	Given  int64
	Raised bool
}

func (l *ledgers) raiseRunNumbers(t *rapid.T) {
	inStream := rapid.Int64Range(0, 300).Draw(t, "in the stream")
	_, _ = call(t, l.pair, fmt.Sprint("RaiseRunNumbers ", inStream), func(p LedgerPort) (r raised, err error) {
		r.Given, r.Raised, err = p.RaiseRunNumbers(l.ctx, inStream)
		return r, err
	})
}

func (l *ledgers) prune(t *rapid.T) {
	keep := rapid.SampledFrom([]time.Duration{0, time.Hour, time.Hour}).Draw(t, "keep")
	_, _ = call(t, l.pair, fmt.Sprint("Prune ", keep), func(p LedgerPort) (int64, error) { return p.Prune(l.ctx, keep) })
	_, _ = call(t, l.pair, "DropStagingTables", func(p LedgerPort) (int, error) { return p.DropStagingTables(l.ctx) })
}
