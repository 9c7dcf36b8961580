package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// Durations of a page of the simulated ServiceTitan, where a test acts during a run.
const (
	pageTime = 100 * time.Millisecond // until the test acts
	slowPage = 2 * time.Second        // so that the run cannot end before the action arrives, however busy the machine is
)

// pauseLimit is the time from a pause to the last page request, on an idle machine.
const pauseLimit = 2 * time.Second

func TestResumeContinuesWithTheNextPage(t *testing.T) {
	t.Parallel()
	const records = 1250 // of each of four entities
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: records, ExportPageSize: 50}})
	serve := w.start(t, "serve")
	w.full(t)
	undisturbed := counts(w.pages())
	w.stack.Simulator.ResetStats()
	w.stack.Simulator.SetPace(pageTime)

	requestID := w.request(t, `{"mode":"full"}`)
	workflowID := w.accepted(t, requestID).WorkflowID

	w.awaitPages(t, 20)
	sent := time.Now()
	w.control(t, `{"action":"pause","workflowId":"`+workflowID+`","reason":"month-end","actor":"ana"}`)
	_, paused := await(t, w, "sync.paused", func(d events.ControlledData) bool { return names(d.RunData, requestID) })
	require.Equal(t, "month-end", paused.Reason)
	require.Equal(t, "ana", paused.Actor)
	w.awaitIdle(t, sent)
	require.Less(t, w.total(), 80, "the pause arrives during the run")

	w.stack.Simulator.SetPace(pageTime)
	resumed := w.run(t, "resume", requestID)
	require.Zero(t, resumed.code, resumed.errors)
	await(t, w, "sync.resumed", func(d events.ControlledData) bool { return names(d.RunData, requestID) })

	w.awaitPages(t, w.total()+12)
	sent = time.Now()
	require.NoError(t, w.temporal.SignalWorkflow(t.Context(), workflowID, "", "pause", nil)) // as Temporal's own tools do
	awaitCount[events.ControlledData](t, w, "sync.paused", 2)
	w.awaitIdle(t, sent)
	w.stack.Simulator.SetPace(0)
	require.NoError(t, w.temporal.SignalWorkflow(t.Context(), workflowID, "", "resume", "go on"))

	outcome := w.completed(t, requestID)
	again := w.pages()
	require.Equal(t, undisturbed, counts(again), "as many pages as without a pause")
	for name, pages := range again {
		require.Zero(t, repeatedPages(pages), "no page of %s is requested twice", name)
	}
	for _, r := range outcome.Results {
		require.EqualValues(t, records, r.Fetched, r.Entity)
		require.EqualValues(t, records, r.Unchanged, r.Entity)
	}
	w.requireEqual(t)
	w.requireNotifiedOnce(t)
	require.NotContains(t, serve.log.String(), "RecordActivityHeartbeat", "a pause is no warning")
}

// awaitIdle waits until no page was requested for twice the duration of a page, and logs the time
// from the pause until then. The machine determines this time, the slices the number of pages in it.
func (w *fixture) awaitIdle(t *testing.T, pausedAt time.Time) {
	t.Helper()
	until, since := w.total(), time.Now()
	require.Eventually(t, func() bool {
		if n := w.total(); n != until {
			until, since = n, time.Now()
		}
		return time.Since(since) >= 2*slowPage
	}, waitLimit, tick)
	t.Logf("pages stopped %s after the pause was requested, at most %s are promised", since.Sub(pausedAt).Round(tick), pauseLimit)
}

func TestCancelKeepsStoredRecordsAndReportsTheirNumber(t *testing.T) {
	t.Parallel()
	const records = 1250
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: records, ExportPageSize: 50}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(pageTime)
	command := w.begin(t, "request", "full", "--wait")
	_, started := await(t, w, "sync.started", func(events.StartedData) bool { return true })
	w.awaitPages(t, 20)
	require.Eventually(t, func() bool { // every entity
		return value[int](t, w, "select count(*) from raw.sync_cursors where fetched > 0") == len(core)
	}, waitLimit, tick)
	cancelled := w.run(t, "cancel", started.WorkflowID, "--reason", "wrong tenant")
	require.Zero(t, cancelled.code, cancelled.errors)

	pausedAt := command.wait(t)
	require.Equal(t, 3, pausedAt.code, pausedAt.out)
	require.Contains(t, pausedAt.out, "cancelled  run 1")
	require.Contains(t, pausedAt.out, "reason: wrong tenant")

	outcome := w.outcome(t, "sync.cancelled", started.Requests[0].RequestID)
	require.Len(t, outcome.Results, 4)
	for _, r := range outcome.Results {
		require.Equal(t, events.StatusCancelled, r.Status, r.Entity)
		require.Positive(t, r.Fetched, r.Entity)
		require.Less(t, r.Fetched, int64(records), r.Entity)
		require.Equal(t, r.Fetched, value[int64](t, w, "select count(*) from raw.st_"+r.Entity), "rows of %s", r.Entity)
	}
	late := w.run(t, "cancel", started.WorkflowID)
	require.Equal(t, 4, late.code)
	require.Contains(t, late.errors, "has no open run and no waiting request")
}

// The cancel of a tenant's incremental sync ends what was published before it, and its pass is still reading a page
// when another request follows.
func TestARequestRightAfterACancelIsServed(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	w.full(t)
	w.stack.Simulator.SetPace(slowPage)
	served := w.request(t, `{"mode":"incremental","entities":["jobs"]}`)
	workflowID := w.accepted(t, served).WorkflowID
	await(t, w, "sync.started", func(d events.StartedData) bool { return names(d.RunData, served) })
	waiting := w.request(t, `{"mode":"incremental","entities":["customers"]}`)
	w.accepted(t, waiting)

	w.control(t, `{"action":"cancel","workflowId":"`+workflowID+`"}`)
	later := w.request(t, `{"mode":"incremental","entities":["customers","invoices"]}`)
	require.Equal(t, w.outcome(t, "sync.cancelled", served).RunNumber, w.outcome(t, "sync.cancelled", waiting).RunNumber)
	w.stack.Simulator.SetPace(0)
	require.Equal(t, []string{"customers", "invoices"}, w.completed(t, later).Entities)
}

func TestFullSyncsOfOneEntityRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 1000, ExportPageSize: 50}})
	w.start(t, "serve")
	w.full(t)
	w.stack.Simulator.SetPace(slowPage)

	const request = `{"mode":"full","entities":["customers"]}`
	one, other := w.request(t, request), w.request(t, request)
	await(t, w, "sync.progress", func(d events.ProgressData) bool { return d.Waiting != nil && d.Waiting.Why == events.WaitBusy })
	for _, id := range []string{one, other} { // whichever reads, and whichever waits
		w.control(t, `{"action":"pause","requestId":"`+id+`"}`)
	}
	awaitCount[events.ControlledData](t, w, "sync.paused", 2)

	w.completed(t, w.request(t, `{"mode":"incremental"}`)) // while a full sync has begun, and another one waits for it
	w.stack.Simulator.SetPace(0)
	for _, id := range []string{one, other} {
		w.control(t, `{"action":"resume","requestId":"`+id+`"}`)
	}
	w.completed(t, one)
	w.completed(t, other)
	w.requireNotifiedOnce(t)
}

// awaitCount waits for a number of events on a subject.
func awaitCount[T any](t *testing.T, w *fixture, subject string, n int) {
	t.Helper()
	await(t, w, subject, func(T) bool { n--; return n == 0 })
}

func TestControlCommandsPrintTheAnswer(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 1000, ExportPageSize: 50}})
	w.start(t, "serve")
	w.stack.Simulator.SetPace(slowPage)
	order := "order-" + w.tenant
	command := w.begin(t, "request", "full", "--entities", "jobs", "--id", order, "--wait")
	_, started := await(t, w, "sync.started", func(events.StartedData) bool { return true })
	requestID := started.Requests[0].RequestID

	require.Equal(t, result{0, "pause sent to " + started.WorkflowID + "\n", ""}, w.run(t, "pause", order), "by the event's own id")
	await(t, w, "sync.paused", func(events.ControlledData) bool { return true })
	w.stack.Simulator.SetPace(0)
	require.Equal(t, result{0, "resume sent to " + started.WorkflowID + "\n", ""}, w.run(t, "resume", requestID))

	pausedAt := command.wait(t)
	require.Zero(t, pausedAt.code, pausedAt.out+pausedAt.errors)
	printed := strings.Split(pausedAt.out, "\n")
	require.Equal(t, "requested  "+requestID, printed[0])
	require.ElementsMatch(t, []string{"accepted   " + started.WorkflowID, "started    run 1: jobs"}, printed[1:3],
		"the worker may start before the bridge has published its answer")
	for _, want := range []string{"paused     by tester", "resumed    by tester", "completed  run 1 in ", "1,000 fetched, 1,000 inserted"} {
		require.Contains(t, pausedAt.out, want)
	}

	for id, want := range map[string]string{
		"full-sync-0123456789abcdef0123": "nothing to pause: workflow full-sync-0123456789abcdef0123 has no requests; lazisync status lists",
		"nosuch":                         `nothing to pause: no request has the id "nosuch"; lazisync status lists`,
		order:                            "nothing to pause: workflow " + started.WorkflowID + " has no open run and no waiting request;",
	} {
		nothing := w.run(t, "pause", id)
		require.Equal(t, 4, nothing.code)
		require.Contains(t, nothing.errors, want)
	}
	require.Empty(t, w.run(t, "deadletter", "ls", "--json").out, "nothing was published")
}
