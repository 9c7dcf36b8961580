package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// IncrementalSync serves the incremental requests of one tenant in passes. A pass begins by
// claiming every request that waits in the ledger, so that a burst of requests coalesces into
// the current pass and one more. Refreshes have passes of their own. The workflow completes when no request waits and it is not
// paused; the next request starts it again.
func IncrementalSync(ctx workflow.Context, in SyncInput) (IncrementalResult, error) {
	r, err := newRun(ctx, events.Incremental, in)
	if err != nil {
		return IncrementalResult{}, err
	}
	wake := workflow.GetSignalChannel(ctx, SignalWake)
	result, err := r.passes(ctx, in.TenantID, wake)
	if errors.Is(err, errContinueAsNew) {
		return IncrementalResult{}, in.continueAsNew(ctx, r, wake)
	}
	return result, err
}

// passes carries out passes until no request waits. Its error may be errContinueAsNew.
func (r *run) passes(ctx workflow.Context, tenant events.TenantID, wake workflow.ReceiveChannel) (IncrementalResult, error) {
	for resumed := r.RunNumber != 0; ; resumed = false {
		if !resumed {
			woken := drain(wake)
			in := ledger.BeginInput{TenantID: tenant, Pass: r.Passes + 1, Refreshes: true, MayWait: true}
			if r.Stop != nil { // a cancel ends the requests before it, and at once
				in.MayWait, in.ClaimUntil = false, r.Stop.ClaimUntil
			}
			begun, err := r.begin(ctx, in)
			if err != nil {
				return IncrementalResult{}, err
			}
			if begun.Wait > 0 && workflow.GetVersion(ctx, minIntervalHolds, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
				if r.waitForInterval(ctx, begun.Wait) {
					continue
				}
				return IncrementalResult{}, errContinueAsNew
			}
			if !begun.Found && in.ClaimUntil != 0 { // no request waits that the cancel ends, but a later one may
				if r.Stop.ClaimUntil == in.ClaimUntil { // and no later cancel has arrived
					r.Stop, r.Next = r.Next, nil
				}
				continue
			}
			if !begun.Found {
				if woken || wake.Len() > 0 || r.waitWhilePaused(ctx, wake) {
					if r.endsWaits {
						return IncrementalResult{}, errContinueAsNew
					}
					continue // a request may have been recorded after the claim: claim once more
				}
				result := IncrementalResult{Passes: r.Passes, Last: r.Last}
				if err := ctx.Err(); err != nil {
					return result, err
				}
				return result, closeError(ctx, r.Last, result)
			}
		}
		if r.read() == readContinueAsNew {
			return IncrementalResult{}, errContinueAsNew
		}
		last, err := r.finish()
		switch {
		case isUnknownRun(err): // the ledger was restored: begin the next pass
			r.isMissing = true
		case err != nil:
			return IncrementalResult{}, err
		default:
			r.Last = last
		}
		r.nextPass()
		if r.isHistoryLong(ctx) {
			return IncrementalResult{}, errContinueAsNew
		}
	}
}

// continueAsNew returns the error that continues an IncrementalSync as new. Pending signals that wake
// it are dropped: the requests are in the ledger, where the next execution begins.
func (in SyncInput) continueAsNew(ctx workflow.Context, r *run, wake workflow.ReceiveChannel) error {
	drain(wake)
	in.Carried = r.continueAsNewState(ctx)
	return workflow.NewContinueAsNewError(ctx, IncrementalSync, in)
}

// minIntervalHolds is the change ID of the version in which requests wait for the minimum interval.
// Earlier versions do not let BeginRun wait.
const minIntervalHolds = "requests wait for the minimum interval"

// waitForInterval waits until the next pass may begin, or a cancel ends it at once. It returns false if
// the history has grown too long meanwhile: each request that arrives adds to it. The time is in the
// ledger, so that it also holds for the next execution.
func (r *run) waitForInterval(ctx workflow.Context, wait time.Duration) bool {
	isLong := func() bool { return r.isHistoryLong(ctx) }
	_, _ = workflow.AwaitWithTimeout(r.ctx, wait, func() bool { return r.isStopping() || isLong() })
	return r.isStopping() || !isLong()
}

// pauseHolds is the change ID of the version in which a paused workflow stays open.
const pauseHolds = "a pause holds the workflow open"

// waitWhilePaused waits while the tenant's incremental sync is paused and no request waits, so
// that a pause at the end of a pass also holds for the next request. It returns false, without
// waiting, if there is no such pause.
func (r *run) waitWhilePaused(ctx workflow.Context, wake workflow.ReceiveChannel) bool {
	r.applyControls() // signals may be pending
	if !r.Paused || r.isStopping() || workflow.GetVersion(ctx, pauseHolds, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return false
	}
	since := r.PausedSince
	left := r.limits.PauseLimit - workflow.Now(ctx).Sub(since)
	changed, err := workflow.AwaitWithTimeout(r.ctx, max(left, 0), func() bool { return !r.Paused || r.mayNotWait() || wake.Len() > 0 })
	if err == nil && !changed && !r.isPausedAgain(ctx, since) {
		r.Paused = false // it expired
		if len(r.Unpublished) > 0 && r.keepsPausesInOrder() {
			r.Unpublished = nil // the next pass begins without a pause
		}
	}
	return true
}

// drain receives everything pending in a channel and reports whether there was anything.
func drain(ch workflow.ReceiveChannel) bool {
	waited := false
	for ch.ReceiveAsync(nil) {
		waited = true
	}
	return waited
}
