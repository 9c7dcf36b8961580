package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/stretchr/testify/require"
)

var (
	began = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	ended = began.Add(90 * time.Second)
	yes   = true
	no    = false
)

func finalized(requests ...ledger.Request) ledger.Run {
	return ledger.Run{
		Number: 41, TenantID: "985", Mode: events.Full, WorkflowID: "full-sync-a1", FirstRunID: "run-1", Pass: 1,
		Entities: []string{"customers", "jobs"}, Requests: requests,
		State: ledger.Completed, StartedAt: began, FinishedAt: ended,
		Results: []events.Result{
			{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 2, Fetched: 60, Inserted: 60}},
			{Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Pages: 1, Fetched: 3, Unchanged: 3}},
		},
	}
}

func request(n int) ledger.Request {
	id := fmt.Sprintf("event-%d", n)
	return ledger.Request{
		ID: events.RequestID("/test", id), Source: "/test", EventID: id,
		TenantID: "985", Mode: events.Full, Channel: "#sync", WorkflowID: "full-sync-a1",
	}
}

func TestOutcomeEvents(t *testing.T) {
	t.Parallel()
	run := finalized(request(1), request(2))
	run.Requests[1].Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

	created, err := run.OutcomeEvents()
	require.NoError(t, err)
	require.Len(t, created, 1)
	event := created[0]
	require.Equal(t, "run-1/1/com.lazi.sync.completed.v1", event.ID())
	require.Equal(t, "/lazisync", event.Source())
	require.Equal(t, "full-sync-a1", event.Subject())
	require.Equal(t, ended, event.Time())
	require.Equal(t, run.Requests[1].Traceparent, events.TraceParent(event), "the first request that has one")

	data, err := events.Completed.Data(event)
	require.NoError(t, err)
	require.Equal(t, run.CommonData(), data.RunData)
	require.Equal(t, events.RequestRef{RequestID: request(2).ID, Source: "/test", ID: "event-2"}, data.Requests[1])
	require.Equal(t, run.Results, data.Results)
	require.Equal(t, []string{"#sync"}, data.Notify)
	require.Equal(t, began, data.StartedAt)
	require.Zero(t, data.Parts)

	again, err := run.OutcomeEvents()
	require.NoError(t, err)
	require.Equal(t, created, again, "repeated calls return the same events")
}

func TestOutcomeEventsByState(t *testing.T) {
	t.Parallel()
	for state, want := range map[ledger.RunState]string{
		ledger.Completed: "com.lazi.sync.completed.v1",
		ledger.Failed:    "com.lazi.sync.failed.v1",
		ledger.Cancelled: "com.lazi.sync.cancelled.v1",
	} {
		run := finalized(request(1))
		run.State, run.Reason = state, "because"
		run.Error = &events.RunError{Type: events.Terminated, Message: "the workflow was terminated"}
		created, err := run.OutcomeEvents()
		require.NoError(t, err)
		require.Equal(t, want, created[0].Type())
		require.Equal(t, want, state.EventType())
	}
	run := finalized(request(1))
	run.State = ledger.Running
	_, err := run.OutcomeEvents()
	require.EqualError(t, err, `create the outcome of run 41: state "running" is not an outcome`)
	require.Empty(t, ledger.Running.EventType())
}

func TestManyRequestsAreSplitIntoParts(t *testing.T) {
	t.Parallel()
	for requests, parts := range map[int]int{0: 1, 1: 1, 500: 1, 501: 2, 1000: 2, 1001: 3} {
		run := finalized()
		for n := range requests {
			run.Requests = append(run.Requests, request(n))
		}
		created, err := run.OutcomeEvents()
		require.NoError(t, err)
		require.Len(t, created, parts)

		named := map[string]bool{}
		for i, event := range created {
			data, err := events.Completed.Data(event)
			require.NoError(t, err)
			for _, ref := range data.Requests {
				named[ref.RequestID] = true
			}
			require.Equal(t, run.Results, data.Results, "every part has the results")
			if parts == 1 {
				require.Equal(t, "run-1/1/com.lazi.sync.completed.v1", event.ID())
				continue
			}
			require.Equal(t, fmt.Sprintf("run-1/1/com.lazi.sync.completed.v1/%d", i+1), event.ID())
			require.Equal(t, []int{i + 1, parts}, []int{data.Part, data.Parts})
			require.Equal(t, i == 0, len(data.Notify) > 0, "only one part names channels")
		}
		require.Len(t, named, requests, "each request is named once")

		started, err := run.StartedEvents()
		require.NoError(t, err)
		require.Len(t, started, parts)
	}
}

// Identities may be long, and JSON writes some characters as six: an outcome that no server
// takes would never be created.
func TestPartsFitTheMaximumPayload(t *testing.T) {
	t.Parallel()
	run := finalized()
	for n := range 500 {
		source := "/" + strings.Repeat("&", 255)
		id := fmt.Sprintf("%s%03d", strings.Repeat("<", 253), n)
		run.Requests = append(run.Requests, ledger.Request{ID: events.RequestID(source, id), Source: source, EventID: id})
	}
	created, err := run.OutcomeEvents()
	require.NoError(t, err)
	named := 0
	for _, event := range created {
		encoded, err := events.Encode(event)
		require.NoError(t, err)
		require.Less(t, len(encoded), events.MaxSize)
		data, err := events.Completed.Data(event)
		require.NoError(t, err)
		named += len(data.Requests)
	}
	require.Equal(t, 500, named)
}

func TestStartedEvents(t *testing.T) {
	t.Parallel()
	run := finalized(request(1))
	run.State, run.FinishedAt, run.Results = ledger.Running, time.Time{}, nil
	created, err := run.StartedEvents()
	require.NoError(t, err)
	require.Equal(t, "run-1/1/com.lazi.sync.started.v1", created[0].ID())
	require.Equal(t, began, created[0].Time())
	data, err := events.Started.Data(created[0])
	require.NoError(t, err)
	require.Equal(t, run.CommonData(), data.RunData)
}

func TestControlledEvents(t *testing.T) {
	t.Parallel()
	for paused, want := range map[bool]events.Type[events.ControlledData]{true: events.Paused, false: events.Resumed} {
		created, err := finalized(request(1)).ControlledEvents(paused, 3, ended, "lunch", "ann")
		require.NoError(t, err)
		require.Equal(t, "run-1/1/"+want.Name+"/3", created[0].ID())
		data, err := want.Data(created[0])
		require.NoError(t, err)
		require.Equal(t, "lunch ann", data.Reason+" "+data.Actor)
	}
}

func TestWithdrawnRequestsHaveNoTemporalRun(t *testing.T) {
	t.Parallel()
	run := finalized(request(1))
	run.State, run.FirstRunID, run.Results = ledger.Cancelled, ledger.WithdrawnPrefix+request(1).ID, nil
	created, err := run.OutcomeEvents()
	require.NoError(t, err)
	data, err := events.Cancelled.Data(created[0])
	require.NoError(t, err)
	require.Empty(t, data.RunID)
	require.Equal(t, int64(41), data.RunNumber)
}

// A ledger that was recreated counts its runs from 1 again, beside a stream that knows
// the events of the runs before.
func TestEventIDsAreUniqueAcrossRepeatedRunNumbers(t *testing.T) {
	t.Parallel()
	ids := map[string]string{}
	add := func(what string, run ledger.Run) {
		t.Helper()
		lists := []func() ([]events.Event, error){run.OutcomeEvents}
		if run.TemporalRunID() != "" {
			lists = append(lists, run.StartedEvents,
				func() ([]events.Event, error) { return run.ControlledEvents(true, 1, ended, "", "") },
				func() ([]events.Event, error) { return run.ControlledEvents(true, 11, ended, "", "") })
		}
		for _, list := range lists {
			created, err := list()
			require.NoError(t, err)
			for _, e := range created {
				require.NotContains(t, ids, e.ID(), "of %s", what)
				ids[e.ID()] = what
			}
		}
	}
	add("a run", finalized(request(1)))
	another := finalized(request(1))
	another.FirstRunID = "run-2"
	add("a run of another execution with the same number", another)
	pass := finalized(request(1))
	pass.Pass = 11
	add("another pass", pass)
	for _, workflow := range []string{"full-sync-1", "full-sync-2"} {
		refused := finalized(request(1))
		refused.WorkflowID, refused.FirstRunID = workflow, "" // as earlier versions kept a request that Temporal refused
		add("a request that Temporal refused", refused)
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	differing := []events.Result{{Entity: "customers", Status: events.StatusCompleted, Differences: &events.Differences{Stale: 1}}}
	equal := []events.Result{{Entity: "customers", Status: events.StatusCompleted, Differences: &events.Differences{}}}
	type requestOptions struct {
		mode    events.Mode
		notify  *bool
		channel string
	}
	for name, c := range map[string]struct {
		requests []requestOptions
		state    ledger.RunState
		results  []events.Result
		want     []string
	}{
		"full":                        {[]requestOptions{{events.Full, nil, "#a"}}, ledger.Completed, nil, []string{"#a"}},
		"full, cancelled":             {[]requestOptions{{events.Full, nil, "#a"}}, ledger.Cancelled, nil, []string{"#a"}},
		"rebuild":                     {[]requestOptions{{events.Rebuild, nil, "#a"}}, ledger.Completed, nil, []string{"#a"}},
		"full, not wanted":            {[]requestOptions{{events.Full, &no, "#a"}}, ledger.Completed, nil, []string{}},
		"full failed, not wanted":     {[]requestOptions{{events.Full, &no, "#a"}}, ledger.Failed, nil, []string{}},
		"incremental":                 {[]requestOptions{{events.Incremental, nil, "#a"}}, ledger.Completed, nil, []string{}},
		"incremental, wanted":         {[]requestOptions{{events.Incremental, &yes, "#a"}}, ledger.Completed, nil, []string{"#a"}},
		"incremental failed":          {[]requestOptions{{events.Incremental, nil, "#a"}}, ledger.Failed, nil, []string{"#a"}},
		"incremental failed, unasked": {[]requestOptions{{events.Incremental, &no, "#a"}}, ledger.Failed, nil, []string{}},
		"union": {
			[]requestOptions{{events.Incremental, &yes, "#b"}, {events.Incremental, nil, "#c"}, {events.Incremental, &yes, "#a"}, {events.Incremental, &yes, "#b"}},
			ledger.Completed, nil, []string{"#b", "#a"},
		},
		"no channel":               {[]requestOptions{{events.Full, nil, ""}}, ledger.Completed, nil, []string{}},
		"verify":                   {[]requestOptions{{events.Verify, nil, "#a"}}, ledger.Completed, equal, []string{}},
		"verify, wanted":           {[]requestOptions{{events.Verify, &yes, "#a"}}, ledger.Completed, equal, []string{"#a"}},
		"verify finds something":   {[]requestOptions{{events.Verify, nil, "#a"}}, ledger.Completed, differing, []string{"#a"}},
		"verify finds, not wanted": {[]requestOptions{{events.Verify, &no, "#a"}}, ledger.Completed, differing, []string{}},
		"verify, cancelled":        {[]requestOptions{{events.Verify, nil, "#a"}}, ledger.Cancelled, nil, []string{}},
		"verify failed":            {[]requestOptions{{events.Verify, nil, "#a"}}, ledger.Failed, nil, []string{"#a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := ledger.Run{State: c.state, Results: c.results}
			for _, a := range c.requests {
				run.Requests = append(run.Requests, ledger.Request{Mode: a.mode, Notify: a.notify, Channel: a.channel})
			}
			require.Equal(t, c.want, run.Notify())
		})
	}
}
