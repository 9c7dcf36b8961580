//go:build browser

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	dialogs "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

const (
	apiToken = "token-of-the-night-shift-0123456789"
	refused  = "the server responded with a status of "
)

func TestThePageAcceptsAToken(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{others: []simulator.Options{{Seed: 2}}})
	gateway := w.start(t, "gateway", `API_TOKENS=<b>ops&co</b>=`+apiToken).gateway
	p := openTab(t)
	p.open(t, gateway)
	p.see(t, "form", "Sign in")
	require.False(t, eval[bool](t, p, button("Full sync")+` !== undefined`), "nothing is shown to strangers")
	p.requireSound(t)

	eval[chromedp.Void](t, p, `document.getElementById('token').focus()`)
	p.expect(refused+"401 (Unauthorized), at "+gateway+"/session", refused+"401 (Unauthorized), at "+gateway+"/api/sync/")
	p.enter(t, "tokén-of-another-house")
	p.see(t, "#notice", "Unknown API token.")
	p.enter(t, apiToken) // the field has the focus, and is empty
	p.see(t, "header", "Signed in as <b>ops&co</b>")
	p.see(t, "#live", "live")
	p.see(t, "main", "No runs yet.")
	p.see(t, "main", "No entities synced yet.")
	p.requireSound(t)
	kept := eval[string](t, p, `[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href].join(' ')`)
	require.Equal(t, " {} {} "+gateway+"/", kept, "nothing a script could read, and no token")

	p.open(t, gateway)
	p.await(t, `document.getElementById('tenant').options.length === 2`)
	p.run(t, chromedp.SetValue(chromedp.CSS("#tenant"), w.others[0]))
	p.press(t, "Sync changes")
	p.see(t, "#notice", "Sync changes requested (request ")
	requested, request := await(t, w, "sync.requested", func(events.RequestData) bool { return true })
	require.Equal(t, "/lazisync/gateway/%3Cb%3Eops&co%3C%2Fb%3E", requested.Source)
	require.Equal(t, events.RequestData{Mode: events.Incremental, TenantID: w.others[0]}, request)

	require.Equal(t, []string{"lazisync_session"}, p.cookies(t))
	p.requireOtherOriginsRefused(t, w, gateway)

	p.open(t, gateway)
	p.press(t, "Sign out")
	p.see(t, "form", "Sign in")
	require.Empty(t, p.cookies(t))
	p.open(t, gateway)
	p.see(t, "form", "Sign in")
	p.enter(t, apiToken) // the field has the focus from the beginning
	p.see(t, "#live", "live")
	_, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{})
	require.NoError(t, err)
	p.press(t, "Refresh")
	p.see(t, "#notice", "The session has expired. Sign in again.")
	p.see(t, "form", "Sign in")
}

func (p *tab) cookies(t *testing.T) (names []string) {
	t.Helper()
	kept, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{})
	require.NoError(t, err)
	for _, c := range kept.Cookies {
		names = append(names, c.Name)
	}
	return names
}

// requireOtherOriginsRefused lets pages of other origins try to start a sync, in a browser with a
// session.
func (p *tab) requireOtherOriginsRefused(t *testing.T, w *fixture, gateway string) {
	t.Helper()
	foreign := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(answer, `<!doctype html><title>foreign</title><link rel="icon" href="data:,"><form method="post" action="%s/sync/full"><button>Win</button></form>`, gateway)
	}))
	t.Cleanup(foreign.Close)
	p.expect(refused+"403 (Forbidden), at "+gateway+"/sync/full", "net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin, at "+gateway+"/sync/full")
	before := len(all[events.RequestData](t, w, "sync.requested"))
	// Another port is another origin, but the same site: the browser sends the cookie.
	for _, address := range []string{foreign.URL, strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1)} {
		p.open(t, address)
		_, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](
			`fetch(`+quote(gateway+"/sync/full")+`, {method: 'POST', mode: 'no-cors', credentials: 'include'})`, chromedp.EvalAwaitPromise))
		if err != nil { // Cross-Origin-Resource-Policy hides the response from the page
			require.ErrorContains(t, err, "Failed to fetch")
		}
		require.NoError(t, w.nc.Flush())
		require.Len(t, all[events.RequestData](t, w, "sync.requested"), before, "a script of %s asked for a sync", address)
		p.press(t, "Win")
		p.see(t, "body", "cross-origin requests are not allowed")
	}
	require.NoError(t, w.nc.Flush())
	require.Len(t, all[events.RequestData](t, w, "sync.requested"), before, "a form asked for a sync")
}

func TestThePageStartsShowsAndControlsRuns(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 20}})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	p.open(t, gateway)
	p.see(t, "#live", "live")
	eval[chromedp.Void](t, p, `window.loaded = 'once'`)
	w.stack.Simulator.SetPace(2 * pageTime) // a run takes 20 seconds

	p.press(t, "Full sync")
	p.see(t, "#notice", "Full sync requested (request ")
	p.see(t, "tr", "#1")
	p.awaitProgress(t)
	focus := func(name string) string { return `document.activeElement === ` + button(name) }
	eval[chromedp.Void](t, p, button("Pause run 1")+`.focus()`)
	p.awaitProgress(t)
	require.True(t, eval[bool](t, p, focus("Pause run 1")), "progress leaves the focus where it is")

	p.press(t, "Pause run 1")
	p.see(t, "td.state", "paused")
	require.True(t, eval[bool](t, p, focus("Resume run 1")))
	require.Equal(t, "once", eval[string](t, p, `window.loaded`), "the page was not reloaded")
	p.run(t, chromedp.Reload())
	p.see(t, "td.state", "paused")
	p.await(t, `/customers\s+[1-9]/.test(document.querySelector('.progress-list').innerText)`)
	p.requireSound(t)
	p.press(t, "Resume run 1")
	p.see(t, "td.state", "running")
	p.awaitProgress(t)

	p.pressAndAnswer(t, "Cancel run 1", false)
	require.Empty(t, all[events.ControlData](t, w, "sync.control")[2:], "it was not meant")
	p.pressAndAnswer(t, "Cancel run 1", true)
	p.see(t, "td.state", "cancelled")
	p.see(t, "summary", "cancelled by an operator")

	w.stack.Simulator.SetPace(0)
	p.press(t, "Full sync")
	p.see(t, "tr", "#2")
	p.await(t, `document.querySelector('#runs tr').innerText.match(/^#2\s+full\s+completed/) !== null`)
	p.await(t, `/^customers\s+2,000\s+\d+ \w+ ago\s+\d+ \w+ ago\s+never\s+completed$/.test(document.querySelector('#states tr').innerText.trim())`)
	id, err := w.stack.Companies[0].Create("jobs")
	require.NoError(t, err)
	require.NotZero(t, id)
	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "invoices", Count: -1}))
	p.press(t, "Sync changes")
	p.see(t, "tr", "#3")
	p.see(t, "td.state", "failed")
	p.run(t, chromedp.Click(chromedp.CSS("#runs summary")))
	p.see(t, "#runs li", "jobs: 1 read, 1 inserted")
	p.see(t, "#runs li.failed", "invoices: PermissionError: ")
	p.see(t, "#runs li", "Workflow incremental-sync-"+w.tenant)
	p.see(t, "#states td.failed", "failed")

	w.publish(t, "sync.requested", `{"mode":"ful"}`)
	p.see(t, "#notice.failed", "Request rejected: mode: got \"ful\"")
	w.stack.Simulator.SetPace(time.Second)
	p.press(t, "Full sync")
	p.await(t, `document.querySelector('.progress-list progress') !== null`)
	p.requireSound(t)
}

// awaitProgress waits until the page shows progress without a reload.
func (p *tab) awaitProgress(t *testing.T) {
	t.Helper()
	const counted = `(document.querySelector('.progress-list') || {}).innerText`
	p.await(t, `/\d+ of 2,000/.test(`+counted+`)`)
	p.await(t, counted+` !== `+quote(eval[string](t, p, counted)))
}

// pressAndAnswer presses a button that opens a confirmation.
func (p *tab) pressAndAnswer(t *testing.T, name string, yes bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, waitLimit)
	defer cancel()
	questions := chromedp.Events(ctx, dialogs.JavascriptDialogOpening)
	answered := make(chan error, 1)
	go func() {
		for _, err := range questions {
			if err == nil {
				_, err = chromedp.Call(ctx, dialogs.HandleJavaScriptDialog, dialogs.HandleJavaScriptDialogParams{Accept: yes})
			}
			answered <- err
			return
		}
	}()
	p.press(t, name)
	require.NoError(t, <-answered, "it does not ask for confirmation")
}

func TestThePageReconnects(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	gateway := w.start(t, "gateway")
	p := openTab(t)
	p.requireOtherOriginsRefused(t, w, gateway.gateway) // which needs no token
	p.open(t, gateway.gateway)
	p.see(t, "#live", "live")
	p.expect(refused+"503 (Service Unavailable)", "net::ERR_")

	w.nats.Stop()
	p.press(t, "Full sync")
	p.see(t, "#notice.failed", "retry later")
	p.open(t, gateway.gateway)
	p.see(t, "#live", "reconnecting")
	p.see(t, "main", "No runs yet.") // the ledger is available
	w.nats.start(t)
	p.see(t, "#live", "live")

	gateway.kill(t)
	p.see(t, "#live", "reconnecting")
	p.see(t, "#notice.failed", "lazisync is unreachable")
	w.start(t, "gateway")
	p.see(t, "#live", "live")
	p.await(t, `document.getElementById('notice').innerText === ''`)
}

func TestThePageShowsSkippedEntities(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	gateway := w.start(t, "serve").gateway
	p := openTab(t)
	p.open(t, gateway)
	p.see(t, "#live", "live")
	w.publish(t, "sync.requested", `{"mode":"full","entities":["jobs"]}`)
	p.see(t, "td.state", "completed")
	w.publish(t, "sync.requested", `{"mode":"incremental","entities":["jobs","locations"]}`)
	p.see(t, "summary", ", 1 of 2 entities skipped")
	p.requireSound(t)
}
