//go:build browser

package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// The journeys of an operator's day.

func TestThePageStartsAndControlsARun(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 20}})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	p.expect(refused + "404 (Not Found)") // the request until the bridge has recorded it
	p.open(t, gateway)
	p.see(t, "#live", "live")
	eval[chromedp.Void](t, p, `window.loaded = 'once'`)
	w.stack.Simulator.SetPace(slowPage)

	p.follow(t, "Start a full sync")
	p.fill(t, "#more", "customers, jobs")
	p.fill(t, "#start-reason", "<b>after the import</b>")
	p.press(t, "Start full sync")
	p.see(t, "#notice", "Full sync requested (request ")
	p.follow(t, "run 1")
	p.see(t, "dd", "<b>after the import</b>")
	p.awaitProgress(t)
	_, request := await(t, w, "sync.requested", func(events.RequestData) bool { return true })
	require.Equal(t, []string{"customers", "jobs"}, request.Entities)
	focus := func(name string) string { return `document.activeElement === ` + button(name) }
	eval[chromedp.Void](t, p, button("Pause run 1")+`.focus()`)
	p.awaitProgress(t)
	require.True(t, eval[bool](t, p, focus("Pause run 1")), "progress leaves the focus where it is")

	p.confirm(t, "Pause run 1", "No further page is requested", "month-end", "Pause the run")
	p.see(t, ".box", ": month-end")
	p.await(t, focus("Resume run 1"))
	require.Equal(t, "once", eval[string](t, p, `window.loaded`), "the page was not reloaded")
	p.run(t, chromedp.Reload())
	p.see(t, "h1", "Run 1")
	p.see(t, ".box", ": month-end")
	p.see(t, ".timeline li", "paused")
	p.see(t, "td.full", " of 2,000 read")
	p.requireSound(t)
	p.follow(t, "Overview")
	p.see(t, ".verdict", "1 run")
	p.see(t, ".question", "Run 1 is paused")
	p.requireSound(t)
	p.press(t, "Resume run 1")
	p.see(t, ".question .state", "running")

	p.confirm(t, "Cancel run 1", "The run cannot be resumed.", "", "Keep as it is")
	require.Empty(t, all[events.ControlData](t, w, "sync.control")[2:], "it was not meant")
	p.confirm(t, "Cancel run 1", "The run cannot be resumed.", "not now", "Cancel the run")
	p.see(t, "td .state", "cancelled")
	p.follow(t, "#1")
	p.see(t, ".box", "not now")
	p.follow(t, "Start again…")
	p.see(t, "h1", "Start a sync")
	require.Equal(t, []string{"customers", "jobs"}, eval[[]string](t, p, `[...document.querySelectorAll('[name=entity]:checked')].map(e => e.value)`))
	p.requireSound(t)
}

// awaitProgress waits until the page of a run shows progress without a reload.
func (p *tab) awaitProgress(t *testing.T) {
	t.Helper()
	const counted = `(document.querySelector('main table') || {}).innerText`
	p.await(t, `/\d+ of 2,000/.test(`+counted+`)`)
	p.await(t, counted+` !== `+quote(eval[string](t, p, counted)))
}

func TestThePageLeadsFromStaleDataToTheReason(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	gateway := w.start(t, "serve", "SYNC_FRESHNESS=customers=24h,jobs=24h,estimates=24h,invoices=1s").gateway
	p := openTab(t)
	p.expect(refused + "404 (Not Found)")
	w.full(t)
	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "invoices", Count: -1}))
	w.outcome(t, "sync.failed", w.request(t, `{"mode":"incremental"}`))
	p.open(t, gateway)
	p.see(t, ".verdict", "1 of 4 entities is stale")
	p.see(t, ".question", "Run 2 failed for invoices: PermissionError")
	p.requireSound(t)
	p.click(t, `[...document.querySelectorAll('a')].find(a => a.innerText.startsWith('Run 2 failed'))`)
	p.see(t, "h1", "Run 2")
	p.see(t, ".box", "Why it failed: invoices: PermissionError: ")
	p.see(t, ".timeline li", "failed")
	p.see(t, "td.full", "PermissionError: ")
	p.requireSound(t)

	p.follow(t, "Runs")
	p.await(t, `document.querySelector('select[name=state]') !== null`)
	eval[chromedp.Void](t, p, `(state => { state.value = 'failed'; state.dispatchEvent(new Event('change', {bubbles: true})) })(document.querySelector('select[name=state]'))`)
	p.await(t, `location.hash === '#/runs?state=failed' && document.querySelectorAll('main tbody tr').length === 1`)
	p.run(t, chromedp.Reload())
	p.await(t, `document.querySelector('select[name=state]')?.value === 'failed' && document.querySelectorAll('main tbody tr').length === 1`)
	p.requireSound(t)
	p.follow(t, "Entities")
	p.see(t, "td.status", "failed")
	p.requireSound(t)
}

func TestThePageWarnsBeforeItPausesAnIncremental(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 500, ExportPageSize: 20}})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	w.full(t)
	p.open(t, gateway)
	p.see(t, "td .state", "completed")
	w.stack.Simulator.SetPace(slowPage)
	for range 400 { // 20 pages
		_, err := w.stack.Companies[0].Create("jobs")
		require.NoError(t, err)
	}
	w.publish(t, "sync.requested", `{"mode":"incremental","entities":["jobs"]}`)
	p.confirm(t, "Pause run 2", "This also holds every later incremental request of tenant "+w.tenant+": webhooks", "closing", "Pause the run")
	p.see(t, ".question", "All later incremental requests of the tenant wait, webhooks included")
	w.publish(t, "sync.requested", `{"mode":"incremental","entities":["customers"],"reason":"a second look"}`)
	p.see(t, ".question", "run 2 is paused")
	p.see(t, ".verdict", "1 run, 1 waiting request")
	p.follow(t, "1 incremental request")
	p.see(t, "dd", "a second look")
	p.follow(t, "Overview")
	w.stack.Simulator.SetPace(0)
	p.press(t, "Resume run 2")
	p.see(t, ".verdict", "Nothing")
	p.see(t, "tr", "#3")
}

func TestThePageReplaysAndDismissesDeadLetters(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	p.open(t, gateway)
	p.see(t, "#live", "live")
	w.publish(t, "sync.requested", `{"mode":"ful","reason":"<i>typo</i>"}`)
	p.see(t, "#notice.bad", "Request rejected: mode: got \"ful\"")
	p.see(t, ".question", "1 rejected message")
	p.follow(t, "Dead letters")
	p.follow(t, "1")
	p.see(t, "pre", `{"mode":"ful","reason":"<i>typo</i>"}`)
	p.requireSound(t)
	p.press(t, "Replay dead letter 1")
	p.see(t, "dd", "replayed")
	w.rejected(t, func(d events.RejectedData) bool { return d.DeadLetter.Sequence == 2 })
	p.follow(t, "Dead letters")
	p.confirm(t, "Dismiss dead letter 2", "The message is kept.", "a test of ours", "Dismiss")
	p.see(t, "td", ": a test of ours")
	p.requireSound(t)
	p.follow(t, "Rejected")
	p.see(t, "main", "No rejected records.")
	p.follow(t, "Events")
	p.requireSound(t)
	p.follow(t, "Overview")
	p.await(t, `![...document.querySelectorAll('.question')].some(q => q.innerText.includes('rejected message'))`)
}

func TestThePagePausesASchedule(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.migrate(t, "SYNC_SCHEDULE_FULL=0 3 * * 0")
	gateway := w.start(t, "serve").gateway
	id := "lazisync-full-" + w.tenant
	p := openTab(t)
	p.open(t, gateway+"/#/schedules")
	p.see(t, "tr", "in ")
	p.confirm(t, "Pause "+id, "the data become stale", "audit", "Pause the schedule")
	p.see(t, "tr", "none while paused")
	p.see(t, "tr", "audit")
	p.requireSound(t)
	p.follow(t, "Overview")
	p.see(t, ".question", "The schedule "+id+" is paused")
	p.follow(t, "Schedules")
	p.press(t, "Resume "+id)
	p.see(t, "#notice", "Resumed: "+id)
	p.press(t, "Run now "+id)
	await(t, w, "sync.requested", func(d events.RequestData) bool { return d.Mode == events.Full })
}

func TestThePageSaysThatNoWorkerRuns(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "bridge")
	gateway := w.start(t, "gateway").gateway
	p := openTab(t)
	p.open(t, gateway)
	p.see(t, "#banner", "No worker is running: no run starts or continues")
	w.publish(t, "sync.requested", `{"mode":"full"}`)
	p.see(t, ".question", "waits for a worker")
	p.requireSound(t)
	w.start(t, "worker")
	p.see(t, "td .state", "completed")
	p.await(t, `document.getElementById('banner').hidden`)
}

func TestThePageOffersARebuildBesideDifferences(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	p.expect(refused + "404 (Not Found)")
	w.full(t)
	w.damage(t, "customers")
	p.open(t, gateway+"/#/start?mode=verify&entities=customers")
	p.see(t, "h1", "Start a sync")
	require.False(t, eval[bool](t, p, `document.body.innerText.includes('Allow deletes')`), "a verify deletes nothing")
	p.press(t, "Start verify")
	p.see(t, "#notice", "Verify requested (request ")
	p.follow(t, "run 2")
	p.see(t, "td.full", "100 missing, 3 extra, 100 damaged: ")
	p.see(t, "dd", "203 differences")
	require.False(t, eval[bool](t, p, `document.body.innerText.includes('Rows that this run changed')`), "a verify changes none")
	p.requireSound(t)
	p.follow(t, "Rebuild customers…")
	p.see(t, "h1", "Start a sync")
	require.Equal(t, []string{"customers"}, eval[[]string](t, p, `[...document.querySelectorAll('[name=entity]:checked')].map(e => e.value)`))
	p.press(t, "Start rebuild")
	p.follow(t, "run 3")
	p.see(t, "td .state", "completed")
	p.see(t, "li", "Rows that this run changed: select * from raw.st_customers where tenant_id = "+w.tenant+" and run_number = 3")
	p.requireSound(t)
}

// Records of one entity are read again by their ids, or since a time.
func TestThePageReadsChosenRecords(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	p.expect(refused + "404 (Not Found)")
	w.full(t)
	changed := w.changed(t, "jobs", 2)
	p.open(t, gateway+"/#/start?mode=full&entities=jobs")
	p.see(t, "h1", "Start a sync")
	require.False(t, eval[bool](t, p, `!!document.getElementById('start-ids')`), "a full sync reads everything")
	p.open(t, gateway+"/#/start?mode=incremental&entities=jobs")
	p.see(t, "legend", "Only some records of one entity")
	p.fill(t, "#start-ids", changed[0]+", "+changed[1])
	p.press(t, "Start incremental sync")
	p.see(t, "#notice", "Incremental sync requested (request ")
	p.see(t, "dd", changed[0]+", "+changed[1])
	p.requireSound(t)
	p.follow(t, "run 2")
	p.see(t, "span", "incremental (refresh)")
	p.see(t, "td .state", "completed")
	p.requireSound(t)
	w.requireEqual(t)
}
