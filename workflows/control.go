package workflows

import (
	"cmp"
	"slices"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/ledger"
)

// maxSeenControls is the number of controls that a run remembers, to apply each once.
const maxSeenControls = 200

// controlNames are the signals that carry a ControlSignal.
var controlNames = []string{SignalPause, SignalResume, SignalCancel}

// ReceivedControl is a control signal with the name of its channel.
type ReceivedControl struct {
	Name string // SignalPause, SignalResume or SignalCancel
	ControlSignal
}

// HasControl reports whether a control signal waits in its channel.
func HasControl(ctx workflow.Context) bool {
	return slices.ContainsFunc(controlNames, func(name string) bool { return workflow.GetSignalChannel(ctx, name).Len() > 0 })
}

// ReceiveControls receives every pending control signal. Signals of one name are in the order
// of arrival.
func ReceiveControls(ctx workflow.Context) (all []ReceivedControl) {
	for _, name := range controlNames {
		ch := workflow.GetSignalChannel(ctx, name)
		for {
			var raw converter.RawValue
			if !ch.ReceiveAsync(&raw) {
				break
			}
			all = append(all, ReceivedControl{name, decodeControl(raw)})
		}
	}
	return all
}

// control applies control signals when they arrive. It does not use a selector, which would
// receive a signal and hold it where continue-as-new does not find it.
func (r *run) control(ctx workflow.Context) {
	for {
		_ = workflow.Await(ctx, func() bool { return HasControl(ctx) })
		r.applyControls()
	}
}

// applyControls applies every pending control in the order of their events, because Temporal
// does not order signals of different names.
func (r *run) applyControls() {
	all := ReceiveControls(r.ctx)
	slices.SortStableFunc(all, func(a, b ReceivedControl) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for _, s := range all {
		r.apply(s)
	}
}

// decodeControl decodes a payload. A signal that was sent by hand may have no payload, or a
// string, which becomes the reason.
func decodeControl(raw converter.RawValue) ControlSignal {
	if raw.Payload() == nil {
		return ControlSignal{}
	}
	dc := converter.GetDefaultDataConverter()
	var s ControlSignal
	if dc.FromPayload(raw.Payload(), &s) == nil {
		return s
	}
	var reason string
	_ = dc.FromPayload(raw.Payload(), &reason)
	return ControlSignal{Reason: reason}
}

func (r *run) apply(s ReceivedControl) {
	s.Reason, s.Actor = Clip(s.Reason), Clip(s.Actor)
	if s.ID != "" {
		if slices.Contains(r.Seen, s.ID) {
			return
		}
		r.Seen = append(r.Seen, s.ID)
		r.Seen = r.Seen[max(0, len(r.Seen)-maxSeenControls):]
	}
	if s.Sequence != 0 {
		if s.Sequence <= r.LastSequence && s.Name != SignalCancel {
			return // a later control is applied already; a cancel is applied regardless
		}
		r.LastSequence = max(s.Sequence, r.LastSequence)
	}
	switch {
	case s.PassOnly && (r.RunNumber == 0 || s.RunNumber != 0 && s.RunNumber != r.RunNumber):
		// The pass to cancel has ended, and the current one serves other requests.
	case s.Name == SignalCancel:
		reason := cmp.Or(s.Reason, "cancelled by "+cmp.Or(s.Actor, "an operator"))
		r.stop(ledger.Finalization{State: ledger.Cancelled, Reason: reason, ClaimQueued: !s.PassOnly, ClaimUntil: r.claimUntil(s)})
	case s.Name == SignalPause && !r.Paused && (!r.isStopping() || r.pausesNextPass()):
		r.Paused, r.PausedSince, r.PauseReason, r.PauseActor = true, workflow.Now(r.ctx), s.Reason, s.Actor
		r.cancelSlices()
		r.announce(s)
	case s.Name == SignalResume && r.Paused:
		r.Paused = false
		r.announce(s)
	}
}

// laterRequestsStay is the change ID of the version in which a cancel spares the requests that were published
// after it.
const laterRequestsStay = "requests that follow a cancel stay"

// claimUntil returns until when waiting requests were published that a cancel ends: those before it. 0 if it
// was sent by hand and has no time: all of them.
func (r *run) claimUntil(s ReceivedControl) uint64 {
	if !r.Mode.Info().PerTenant || s.PassOnly || s.Sequence == 0 ||
		workflow.GetVersion(r.ctx, laterRequestsStay, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return 0
	}
	return s.Sequence
}

// pauseAfterCancel is the change ID of the version in which a pause that arrives while a pass is being
// cancelled is kept.
const pauseAfterCancel = "a pause of the next pass is kept"

// pausesNextPass reports whether a pause that is too late for this run applies to the next pass.
func (r *run) pausesNextPass() bool {
	return r.Mode.Info().PerTenant && workflow.GetVersion(r.ctx, pauseAfterCancel, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// Clip shortens a text from a control or a manual signal to a thousand characters, which fit
// into an event.
func Clip(text string) string {
	const longest = 1000
	return display.Shorten(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD"), longest)
}

// announce queues a sync.paused or sync.resumed event.
func (r *run) announce(s ReceivedControl) {
	r.Announced++
	r.Unpublished = append(r.Unpublished, activities.AnnounceInput{
		Paused: r.Paused, Ordinal: r.Announced, At: workflow.Now(r.ctx), Reason: s.Reason, Actor: s.Actor,
	})
}

// pausesInOrder is the change ID of the version in which each run has its pauses and resumes in order. One that
// arrives while the outcome of a run is being written is published for the next pass, because its event could
// follow the outcome. A pass does not publish what has happened before the pause with which it begins, or, if it
// begins without one, the end of a pause of an earlier pass, or a pause that expired before.
const pausesInOrder = "pauses and resumes are published in order"

func (r *run) keepsPausesInOrder() bool {
	return workflow.GetVersion(r.ctx, pausesInOrder, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// dropOutdated drops the queued pauses and resumes that a run must not publish, which has begun with a pause, nil
// for none.
func (r *run) dropOutdated(pause *ledger.Pause) {
	keep := slices.IndexFunc(r.Unpublished, func(a activities.AnnounceInput) bool {
		return a.Paused && (pause == nil || a.Ordinal >= pause.Number) || pause != nil && a.Ordinal > pause.Number
	})
	if keep < 0 {
		keep = len(r.Unpublished)
	}
	if keep > 0 && r.keepsPausesInOrder() {
		r.Unpublished = r.Unpublished[keep:]
	}
}

// publishAnnouncements publishes the queued pauses and resumes in order.
func (r *run) publishAnnouncements(ctx workflow.Context) {
	for {
		_ = workflow.Await(ctx, func() bool { return len(r.Unpublished) > 0 && r.RunNumber != 0 })
		if r.OutcomeBegun && r.keepsPausesInOrder() {
			_ = workflow.Await(ctx, func() bool { return !r.OutcomeBegun })
			continue
		}
		next := r.Unpublished[0]
		next.RunNumber, next.Execution = r.RunNumber, r.Execution
		_ = workflow.ExecuteActivity(LedgerOptions(ctx), runActivities.AnnounceControl, next).Get(ctx, nil)
		r.Unpublished = r.Unpublished[1:]
	}
}
