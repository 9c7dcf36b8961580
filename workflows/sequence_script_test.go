package workflows_test

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

// script is a sequence that is not carried out yet. Everything random about it is drawn.
type script struct {
	settings settings
	steps    []step
}

// settings are the limits of the workflows and of the worker.
type settings struct {
	History    int           // activities after which a history is long; 0 for never
	Slice      time.Duration // of a slice
	Parallel   int
	PauseLimit time.Duration
	Interval   time.Duration // the minimum between two incremental passes
}

// step is an action and its moment.
type step struct {
	at moment
	action
}

// moment is a time, or when a point is reached for the nth time.
type moment struct {
	point string // "" for a time
	nth   int
	after time.Duration
}

func (m moment) String() string {
	if m.point == "" {
		return fmt.Sprintf("after %s", m.after)
	}
	return fmt.Sprintf("%s (%d)", m.point, m.nth)
}

// action is what happens, and how.
type action struct {
	what  string
	do    func(s *sequence)
	fault error // what the call or activity at the point fails with
}

func (sc script) String() string {
	lines := []string{fmt.Sprintf("settings %+v", sc.settings)}
	for _, step := range sc.steps {
		lines = append(lines, fmt.Sprintf("%s: %s", step.at, step.what))
	}
	return strings.Join(lines, "\n")
}

// GoString makes rapid print a script as text.
func (sc script) GoString() string { return "\n" + sc.String() }

var (
	entityNames = []string{"jobs", "customers"}

	scripts = rapid.Custom(func(t *rapid.T) script {
		sc := script{settings: settings{
			History:    rapid.SampledFrom([]int{0, 0, 2, 2, 3, 5}).Draw(t, "history"),
			Slice:      rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Second}).Draw(t, "slice"),
			Parallel:   rapid.IntRange(1, 2).Draw(t, "parallel"),
			PauseLimit: rapid.SampledFrom([]time.Duration{72 * time.Hour, 2*time.Hour + 5*time.Minute}).Draw(t, "pause limit"),
			Interval:   rapid.SampledFrom([]time.Duration{0, 0, 20 * time.Minute}).Draw(t, "interval"),
		}}
		for _, request := range rapid.SliceOfN(rapid.Custom(drawRequest), 1, 3).Draw(t, "requests") {
			sc.steps = append(sc.steps, step{moment{}, request})
		}
		sc.steps = append(sc.steps, rapid.SliceOfN(rapid.Custom(drawStep), 0, 14).Draw(t, "steps")...)
		return sc
	})

	// ofActivities, ofCalls and ofPages are the points at which something can fail.
	ofActivities = points([]string{"BeginRun", "FinishRun", "AnnounceControl", "SyncSlice"}, "%s begins", "%s ends")
	ofCalls      = append(
		points([]string{"BeginRun", "Finalize", "MarkPublished", "RecordPause", "Open", "StorePage"}, "%s is called", "%s returns"),
		points([]string{"sync.started", "sync.paused", "sync.resumed", "sync.completed", "sync.cancelled"}, "%s is published", "%s was published")...,
	)
	ofPages = points(entityNames, "a page of %s is requested")
	atEnds  = []string{"Finalize returns", "sync.completed is published", "MarkPublished returns", "FinishRun ends"} // of runs
	others  = []string{"a workflow starts", "a workflow continues as new", "a workflow was closed"}
)

func points(names []string, formats ...string) (all []string) {
	for _, name := range names {
		for _, format := range formats {
			all = append(all, fmt.Sprintf(format, name))
		}
	}
	return all
}

func drawPoint(t *rapid.T, from ...[]string) moment {
	var all []string
	for _, points := range from {
		all = append(all, points...)
	}
	return moment{point: rapid.SampledFrom(all).Draw(t, "point"), nth: rapid.SampledFrom([]int{1, 1, 2, 2, 3, 4, 6}).Draw(t, "nth")}
}

func drawMoment(t *rapid.T) moment {
	switch rapid.IntRange(0, 7).Draw(t, "moment") {
	case 0, 1:
		return drawPoint(t, atEnds)
	case 2:
		times := []time.Duration{time.Second, 13 * time.Second, 67 * time.Second, 31 * time.Minute, 93 * time.Minute, 197 * time.Minute}
		return moment{after: rapid.SampledFrom(times).Draw(t, "time")}
	}
	return drawPoint(t, ofActivities, ofCalls, ofPages, others)
}

// drawStep draws a step, more often of the kinds that come first.
func drawStep(t *rapid.T) step {
	switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); kind {
	case 0, 1, 2, 3:
		return step{drawMoment(t), drawControl(t)}
	case 4, 5:
		return step{drawMoment(t), drawRequest(t)}
	case 6, 7:
		return step{drawPoint(t, ofActivities, ofCalls, ofPages), action{what: "it fails", fault: errUnavailable}}
	case 8:
		return step{drawPoint(t, ofPages), drawRefusal(t)}
	case 9:
		return step{drawMoment(t), drawChange(t)}
	case 10:
		return step{drawMoment(t), action{what: "the history is long", do: (*sequence).suggestContinueAsNew}}
	default:
		return step{drawMoment(t), drawOfTemporal(t)}
	}
}

func drawRefusal(t *rapid.T) action {
	return rapid.SampledFrom([]action{
		{what: "it is refused", fault: errRefused}, {what: "its token is refused", fault: errToken}, {what: "it must wait for a minute", fault: errRateLimited},
	}).Draw(t, "refusal")
}

func drawChange(t *rapid.T) action {
	name, id := rapid.SampledFrom(entityNames).Draw(t, "entity"), rapid.IntRange(1, initialRecords+1).Draw(t, "id")
	return action{what: fmt.Sprintf("%s %d changes", name, id), do: func(s *sequence) { s.source.change(name, id) }}
}

// drawOfTemporal draws what an operator does in Temporal, or the reconciler of the bridge.
func drawOfTemporal(t *rapid.T) action {
	return rapid.SampledFrom([]action{
		{what: "the workflow is cancelled in Temporal", do: (*sequence).cancelInTemporal},
		{what: "the workflow is terminated", do: (*sequence).terminate},
		{what: "a minute later the bridge reconciles", do: (*sequence).reconcile},
	}).Draw(t, "in Temporal")
}

// drawBridgeFault draws the call of the bridge that fails, before or after its effect.
func drawBridgeFault(t *rapid.T) bridgeFault {
	if rapid.IntRange(0, 4).Draw(t, "bridge") > 0 {
		return bridgeFault{}
	}
	methods := []string{"Receive", "Accept", "Start", "SignalWithStart", "Signal", "Publish", "Ack", "RecordControl", "MarkControlSignalled", "SettleControl", "WithdrawRequest"}
	return bridgeFault{rapid.SampledFrom(methods).Draw(t, "method"), rapid.Bool().Draw(t, "effect")}
}

func drawRequest(t *rapid.T) action {
	data := events.RequestData{Mode: rapid.SampledFrom([]events.Mode{events.Incremental, events.Incremental, events.Full}).Draw(t, "mode")}
	data.Entities = rapid.SampledFrom([][]string{{"jobs"}, {"customers"}, entityNames}).Draw(t, "entities")
	fails, isTogether := drawBridgeFault(t), rapid.IntRange(0, 2).Draw(t, "together") == 0
	what := fmt.Sprintf("request %s %s%s%s", data.Mode, strings.Join(data.Entities, ","), fails, together(isTogether))
	return action{what: what, do: func(s *sequence) { s.request(data, fails, isTogether) }}
}

// drawControl draws a control of the nth request, by its event's id, or of its workflow.
func drawControl(t *rapid.T) action {
	kind := rapid.SampledFrom([]events.Action{events.Pause, events.Cancel, events.Pause, events.Resume}).Draw(t, "action")
	target, byRequest := rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "target"), rapid.IntRange(0, 2).Draw(t, "by") == 0
	fails, isTogether := drawBridgeFault(t), rapid.Bool().Draw(t, "together")
	of := "the workflow of "
	if byRequest {
		of = ""
	}
	what := fmt.Sprintf("%s %srequest %d%s%s", kind, of, target, fails, together(isTogether))
	return action{what: what, do: func(s *sequence) {
		data := events.ControlData{Action: kind, RequestID: fmt.Sprint("r", target)}
		if !byRequest {
			data.WorkflowID, data.RequestID = s.workflowOf(target), ""
		}
		s.control(data, fails, isTogether)
	}}
}

// workflowOf returns the ID of the workflow of the nth request, that of the tenant if there is no such request yet.
func (s *sequence) workflowOf(request int) string {
	if request > len(s.requests) || s.requests[request-1] == events.Incremental {
		return workflows.IncrementalSyncID(tenant)
	}
	return s.requests[request-1].WorkflowID(tenant, events.RequestID(source, fmt.Sprint("r", request)))
}

func together(yes bool) string {
	if yes {
		return ", with what happens next"
	}
	return ""
}
