package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
	"github.com/stretchr/testify/require"
)

func TestFullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.requested(t, "e1", events.RequestData{Mode: events.Full, Reason: "first load"})
	require.NoError(t, w.requests(m))

	id := events.RequestID("/test", "e1")
	require.Equal(t, []string{
		"Receive 1", "Start full-sync-" + id, "Accept " + id, "Publish " + id + "/accepted", "ack 1",
	}, w.effects, "received, Temporal, accepted, answered, acknowledged")

	started := w.temporal.Executions()[0]
	require.Equal(t, workflows.SyncInput{TenantID: "985", RequestID: id, Limits: workflows.DefaultLimits}, started.Input)
	require.Equal(t, workflows.DefaultLimits.ExecutionTimeout(), started.Timeout)
	require.True(t, started.Once)

	r := w.request("e1")
	require.Equal(t, []string{"customers", "jobs"}, r.Entities, "the configured ones, in catalogue order")
	require.Equal(t, "#sync-alerts", r.Channel)
	require.Equal(t, "first load", r.Reason)

	answer := w.publisher.Events()[0]
	require.Equal(t, "/lazisync", answer.Source())
	require.Equal(t, "full-sync-"+id, answer.Subject())
	require.Equal(t, []events.AcceptedData{{
		Kind: events.KindRequest, RequestID: id, Event: events.EventRef{Source: "/test", ID: "e1"},
		WorkflowID: "full-sync-" + id, RunID: "run-1", Message: m.event.Place(),
	}}, published(t, w, events.Accepted))
}

func TestRunsReadAsManyEntitiesAsTheBudgetOfTheirTenantAllows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Tenants[0].Parallel = 48
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	limits := workflows.DefaultLimits
	limits.Parallel = 48
	require.Equal(t, limits, w.temporal.Executions()[0].Input.(workflows.SyncInput).Limits)
}

func TestRebuildRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.requested(t, "e1", events.RequestData{Mode: events.Rebuild, Entities: []string{"jobs"}})
	require.NoError(t, w.requests(m))
	id := events.RequestID("/test", "e1")
	require.Equal(t, []string{
		"Receive 1", "Start rebuild-" + id, "Accept " + id, "Publish " + id + "/accepted", "ack 1",
	}, w.effects)
	started := w.temporal.Executions()[0]
	require.Equal(t, workflows.SyncInput{TenantID: "985", RequestID: id, Limits: workflows.DefaultLimits}, started.Input)
	require.Equal(t, workflows.DefaultLimits.ExecutionTimeout(), started.Timeout)
	require.True(t, started.Once)
	require.Equal(t, []string{"jobs"}, w.request("e1").Entities)
}

func TestTraceparentIsPropagated(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	w := newWorld(t)
	m := w.raw("sync.requested", `{"specversion":"1.0","id":"e1","source":"/test","type":"com.lazi.sync.requested.v1",`+
		`"traceparent":"`+parent+`","data":{"mode":"full"}}`)
	require.NoError(t, w.requests(m))
	require.Equal(t, parent, w.request("e1").Traceparent)
	require.Equal(t, parent, events.TraceParent(w.publisher.Events()[0]))
}

func TestBareJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.raw("sync.requested", `{"mode":"incremental","entities":["*"]}`)
	require.NoError(t, w.requests(m))
	require.Equal(t, "acked", m.ended)
	held := w.ledger.Requests()
	require.Equal(t, []string{"customers", "jobs", "invoices", "estimates"}, held[0].Entities)
	require.Equal(t, "incremental-sync-985", held[0].WorkflowID)
}

func TestRejectionsNameTheEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full, TenantID: "1"})))
	rejected := published(t, w, events.Rejected)[0]
	require.Equal(t, events.RequestID("/test", "e1"), rejected.RequestID)
	require.Equal(t, &events.EventRef{Source: "/test", ID: "e1"}, rejected.Event)
	require.Equal(t, []events.FieldError{{Path: "tenantId", Got: `"1"`, Want: "985"}}, rejected.Errors)
	require.Equal(t, []string{"DeadLetter 1", "Publish SYNC_COMMANDS-1-1772352000000000001/rejected", "term 1"}, w.effects)
}

func TestSeveralTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Tenants = append(w.bridge.Tenants, bridge.Tenant{ID: "986", Entities: []string{"invoices"}, Channel: "#west"})
	require.NoError(t, w.requests(
		w.requested(t, "none", events.RequestData{Mode: events.Full}),
		w.requested(t, "second", events.RequestData{Mode: events.Full, TenantID: "986"}),
	))
	require.Equal(t, []string{`unknownTenant: tenantId: got nothing, want one of 985, 986`}, w.rejections(t))
	require.Equal(t, events.TenantID("986"), w.request("second").TenantID)
	require.Equal(t, []string{"invoices"}, w.request("second").Entities, "what is left out is as its tenant has it")
	require.Equal(t, "#west", w.request("second").Channel)
}

// A refresh is an incremental request in every respect; its ids and time are recorded as the ledger
// compares them.
func TestRefreshIsAnIncremental(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	since := time.Date(2026, 2, 28, 23, 0, 0, 123456789, time.FixedZone("", 3600))
	require.NoError(t, w.requests(
		w.raw("sync.requested", `{"mode":"incremental","entities":["jobs"],"ids":[17,"17","18"]}`),
		w.requested(t, "since", events.RequestData{Mode: events.Incremental, Entities: []string{"jobs"}, Since: &since}),
	))
	require.Equal(t, 1, w.count("SignalWithStart"))
	require.Len(t, published(t, w, events.Accepted), 2)
	byIDs := w.ofSource("nats://SYNC_COMMANDS")
	require.Len(t, byIDs, 1)
	require.Equal(t, []string{"17", "18"}, byIDs[0].IDs, "each once")
	require.Equal(t, "incremental-sync-985", byIDs[0].WorkflowID)
	require.Equal(t, time.Date(2026, 2, 28, 22, 0, 0, 123456000, time.UTC), *w.request("since").Since, "not later than requested")
	require.True(t, w.request("since").IsRefresh())
}

func TestIncrementalsOfABatchShareOneCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bridge.Tenants = append(w.bridge.Tenants, bridge.Tenant{ID: "986", Entities: []string{"invoices"}, Channel: "#west"})
	const batches, size = 20, 500
	for b := range batches {
		messages := make([]*message, size)
		for i := range messages {
			tenant := []string{"985", "986"}[i%2]
			messages[i] = w.requested(t, fmt.Sprintf("e-%d-%d", b, i), events.RequestData{Mode: events.Incremental, TenantID: tenant})
		}
		require.NoError(t, w.requests(messages...))
		for _, m := range messages {
			require.Equal(t, "acked", m.ended)
		}
	}
	require.Equal(t, 2*batches, w.count("SignalWithStart"), "one call for each tenant and batch")
	require.Len(t, w.temporal.Executions(), 2)
	require.Equal(t, batches*size, w.count("Publish"))
	require.Equal(t, workflows.Signal{Name: workflows.SignalWake}, w.temporal.Signals("incremental-sync-985")[0])
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := events.RequestData{Mode: events.Full}
	first, twin := w.requested(t, "e1", data), w.requested(t, "e1", data)
	require.NoError(t, w.requests(first, twin))
	later := w.requested(t, "e1", data)
	require.NoError(t, w.requests(later))
	w.serve(t, "e1")
	w.ledger.EndEntity(1, "jobs", events.StatusSkipped)
	w.finish(t, w.request("e1").WorkflowID, ledger.Completed)
	last := w.requested(t, "e1", data)
	require.NoError(t, w.requests(last))

	id := events.RequestID("/test", "e1")
	require.Equal(t, []string{id + "/accepted", id + "/duplicate/2", id + "/duplicate/3", id + "/duplicate/4"}, w.ids())
	require.Len(t, w.temporal.Executions(), 1)
	require.Equal(t, 1, w.count("Start"))
	answers := published(t, w, events.Accepted)
	require.False(t, answers[0].Duplicate)
	for _, a := range answers[1:] {
		require.True(t, a.Duplicate)
		require.Equal(t, "run-1", a.RunID)
	}
	require.Nil(t, answers[2].Outcome)
	require.Equal(t, &events.OutcomeRef{Type: "com.lazi.sync.completed.v1", RunNumber: 1, Skipped: []string{"jobs"}}, answers[3].Outcome)
	for _, m := range []*message{first, twin, later, last} {
		require.Equal(t, "acked", m.ended)
	}
}

// The answer to the first message was lost after the ledger had accepted the request: the
// redelivery of that message is answered as the first time, whatever happened meanwhile.
func TestARedeliveryIsNotADuplicate(t *testing.T) {
	t.Parallel()
	for name, concurrent := range map[string]func(t *testing.T, w *world){
		"at once": func(*testing.T, *world) {},
		"after a repetition was answered": func(t *testing.T, w *world) {
			require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
		},
		"after its outcome": func(t *testing.T, w *world) {
			w.serve(t, "e1")
			w.finish(t, w.request("e1").WorkflowID, ledger.Completed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.requested(t, "e1", events.RequestData{Mode: events.Full})
			w.failures["Publish"] = errors.New("no leader")
			require.Error(t, w.requests(m))
			require.Equal(t, ledger.Accepted, w.request("e1").State)
			delete(w.failures, "Publish")
			concurrent(t, w)

			m.deliveries++
			require.NoError(t, w.requests(m))
			require.Equal(t, "acked", m.ended)
			own := slices.DeleteFunc(published(t, w, events.Accepted), func(a events.AcceptedData) bool { return a.Message != m.event.Place() })
			require.Equal(t, []events.AcceptedData{{
				Kind: events.KindRequest, RequestID: events.RequestID("/test", "e1"), Event: events.EventRef{Source: "/test", ID: "e1"},
				WorkflowID: w.request("e1").WorkflowID, RunID: "run-1", Message: m.event.Place(),
			}}, own)
		})
	}
}

// The first message was recorded and no more when a repetition came: the repetition is a
// duplicate all the same, and starts what the first could not.
func TestARepeatedRequestIsADuplicateBeforeTheFirstIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.requested(t, "e1", events.RequestData{Mode: events.Full}), w.requested(t, "e1", events.RequestData{Mode: events.Full})
	w.failures["Start"] = errors.New("Temporal is down")
	require.Error(t, w.requests(first))
	delete(w.failures, "Start")
	require.NoError(t, w.requests(second))
	require.Len(t, w.temporal.Executions(), 1)
	first.deliveries++
	require.NoError(t, w.requests(first))
	id := events.RequestID("/test", "e1")
	require.Equal(t, []string{id + "/duplicate/2", id + "/accepted"}, w.ids())
	answers := published(t, w, events.Accepted)
	require.Equal(t, []bool{true, false}, []bool{answers[0].Duplicate, answers[1].Duplicate})
}

// The reconciler answers a request whose bridge died; the redelivered message is answered alike.
func TestTheReconcilerAnswersLikeTheBridge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.requested(t, "e1", events.RequestData{Mode: events.Incremental})
	w.crashAt = 1 // recorded
	require.Error(t, w.requests(m))
	w.restart()
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.reconcile())
	m.deliveries++
	require.NoError(t, w.requests(m))
	answers := published(t, w, events.Accepted)
	require.Len(t, answers, 1)
	require.False(t, answers[0].Duplicate)
	require.Equal(t, m.event.Place(), answers[0].Message)
	require.Equal(t, 2, w.count("Publish"), "the same event, twice")
}

func TestAKnownIdentityWithOtherDataIsAConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.requests(
		w.requested(t, "e1", events.RequestData{Mode: events.Full}),
		w.requested(t, "e1", events.RequestData{Mode: events.Incremental}),
	))
	require.Equal(t, []string{`conflict: id: got "e1", already used with different data, want a new id; the first event is kept`}, w.rejections(t))
	require.Equal(t, events.Full, w.request("e1").Mode)
	require.Zero(t, w.count("SignalWithStart"))

	same := w.raw("sync.requested", `{"data": {"mode" : "full"}, "type":"com.lazi.sync.requested.v1", "source":"/test", "id":"e1", "specversion":"1.0"}`)
	require.NoError(t, w.requests(same))
	require.Equal(t, "acked", same.ended, "the same data written otherwise is no conflict")
}

// A request and a control with one identity would also share the id of their answer, and
// JetStream would drop the second.
func TestRequestsAndControlsShareIdentities(t *testing.T) {
	t.Parallel()
	const refused = `conflict: id: got "e1", already used with different data, want a new id; the first event is kept`
	pause := events.ControlData{Action: events.Pause, RequestID: "other"}

	w := newWorld(t)
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	require.NoError(t, w.controls(w.control(t, "e1", pause)))
	require.Equal(t, []string{refused}, w.rejections(t))
	require.Empty(t, w.ledger.Controls())

	w = newWorld(t)
	require.NoError(t, w.controls(w.control(t, "e1", pause)))
	require.NoError(t, w.requests(w.requested(t, "e1", events.RequestData{Mode: events.Full})))
	require.Equal(t, []string{refused}, w.rejections(t))
	require.Empty(t, w.ledger.Requests())
	require.Zero(t, w.count("Start"))
}

func TestErrorsKeepMessages(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	for _, step := range []string{"Receive", "PendingControls", "Start", "Accept", "Publish"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.failures[step] = down
			m := w.requested(t, "e1", events.RequestData{Mode: events.Full})
			m.deliveries = 3
			require.ErrorIs(t, w.requests(m), down)
			require.Empty(t, m.ended)
			require.Equal(t, []time.Duration{3 * time.Second}, m.delays)
			require.Empty(t, w.publisher.DeadLetters())

			delete(w.failures, step)
			m.deliveries++
			require.NoError(t, w.requests(m))
			require.Equal(t, "acked", m.ended)
			require.Len(t, w.temporal.Executions(), 1)
			require.Len(t, published(t, w, events.Accepted), 1)
		})
	}
}

func TestTemporalDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	down := errors.New("no answer in time")
	w.failures["Start"] = down
	messages := make([]*message, 200)
	for i := range messages {
		messages[i] = w.requested(t, fmt.Sprint("e", i), events.RequestData{Mode: events.Full})
	}
	bad := w.raw("sync.requested", `{}`)
	err := w.requests(append(messages, bad)...)
	require.ErrorIs(t, err, down)
	require.LessOrEqual(t, strings.Count(err.Error(), "no answer"), 11, "three that fail, eight under way: those not begun are not tried")
	for _, m := range messages {
		require.Len(t, m.delays, 1)
	}
	require.NotEmpty(t, bad.ended, "a bad message is settled all the same")
}

func TestAMisconfiguredTemporalKeepsMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failures["Start"] = workflows.ErrMisconfigured
	m := w.requested(t, "e1", events.RequestData{Mode: events.Full})
	require.ErrorIs(t, w.requests(m), workflows.ErrMisconfigured)
	require.Empty(t, m.ended)
	require.Len(t, m.delays, 1)
}

func TestRequestRejectedByTemporal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failures["Start"] = fmt.Errorf("%w: blob too large", workflows.ErrRejected)
	m := w.requested(t, "e1", events.RequestData{Mode: events.Full})
	require.NoError(t, w.requests(m))
	require.Equal(t, []string{"invalidData: got an invalid request (rejected by Temporal: blob too large), want a request that Temporal accepts"}, w.rejections(t))
	require.Contains(t, m.ended, "terminated")

	delete(w.failures, "Start")
	w.now = w.now.Add(time.Hour)
	require.NoError(t, w.reconcile())
	require.Empty(t, w.temporal.Executions(), "it is not retried")
	require.Len(t, w.publisher.Events(), 1, "the rejection is the only answer")
}

func TestAnswersAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counts := map[string]int{}
	w.bridge.Recorder = recorder{answered: func(kind events.Kind, mode events.Mode, answer string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		counts[strings.TrimSpace(string(kind)+" "+answer+" "+string(mode))]++
	}}
	require.NoError(t, w.requests(
		w.requested(t, "e1", events.RequestData{Mode: events.Full}), w.requested(t, "e1", events.RequestData{Mode: events.Full}), w.raw("sync.requested", ""),
	))
	require.Equal(t, map[string]int{"request accepted full": 1, "request duplicate full": 1, "request rejected": 1}, counts)
}
