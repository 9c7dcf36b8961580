//go:build browser

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
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
	require.False(t, eval[bool](t, p, `document.getElementById('main').checkVisibility()`), "nothing is shown to strangers")
	p.requireSound(t)

	eval[chromedp.Void](t, p, `document.getElementById('token').focus()`)
	p.expect(refused+"401 (Unauthorized), at "+gateway+"/session", refused+"401 (Unauthorized), at "+gateway+"/api/")
	p.enter(t, "tokén-of-another-house")
	p.see(t, "#notice", "Unknown API token.")
	p.enter(t, apiToken) // the field has the focus, and is empty
	p.see(t, "header", "Signed in as <b>ops&co</b>")
	p.see(t, "#live", "live")
	p.see(t, "main", "No runs yet.")
	p.see(t, ".verdict", "No data yet")
	p.requireSound(t)
	kept := eval[string](t, p, `[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href].join(' ')`)
	require.Equal(t, " {} {} "+gateway+"/", kept, "nothing a script could read, and no token")

	p.open(t, gateway)
	p.expect(refused + "404 (Not Found)") // no bridge records the request
	p.follow(t, "Incremental sync…")
	p.await(t, `document.getElementById('start-tenant')?.options.length === 2`)
	p.run(t, chromedp.SetValue(chromedp.CSS("#start-tenant"), w.others[0]))
	p.press(t, "Start incremental sync")
	p.see(t, "#notice", "Incremental sync requested (request ")
	p.see(t, "main", "No bridge has recorded this request yet.")
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
	eval[string](t, p, `location.hash = '#/runs'`) // by a click, the page's own refresh could remove the link first
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
	foreign := testserver.Start(t, http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(answer, `<!doctype html><title>foreign</title><link rel="icon" href="data:,"><form method="post" action="%s/sync/full"><button>Win</button></form>`, gateway)
	}))
	p.expect(refused+"403 (Forbidden), at "+gateway+"/sync/full", "net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin, at "+gateway+"/sync/full")
	before := len(all[events.RequestData](t, w, "sync.requested"))
	// Another port is another origin, but the same site: the browser sends the cookie.
	for _, address := range []string{foreign, strings.Replace(foreign, "127.0.0.1", "localhost", 1)} {
		p.open(t, address)
		_, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](
			`fetch(`+quote(gateway+"/sync/full")+`, {method: 'POST', mode: 'no-cors', credentials: 'include'})`, chromedp.EvalAwaitPromise))
		if err != nil { // Cross-Origin-Resource-Policy hides the response from the page
			require.ErrorContains(t, err, "Failed to fetch")
		}
		require.NoError(t, w.nc.Flush())
		require.Len(t, all[events.RequestData](t, w, "sync.requested"), before, "a script of %s requested a sync", address)
		p.press(t, "Win")
		p.see(t, "body", "cross-origin requests are not allowed")
	}
	require.NoError(t, w.nc.Flush())
	require.Len(t, all[events.RequestData](t, w, "sync.requested"), before, "a form requested a sync")
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
	p.open(t, gateway.gateway+"/#/start?mode=full")
	p.press(t, "Start full sync")
	p.see(t, "#notice.bad", "retry later")
	p.run(t, chromedp.Reload())
	p.see(t, "#live", "reconnecting")
	p.see(t, "#banner", "Disconnected since ")
	p.follow(t, "Overview")
	p.see(t, "main", "No runs yet.") // the ledger is available
	w.nats.start(t)
	p.see(t, "#live", "live")

	gateway.kill(t)
	p.see(t, "#live", "reconnecting")
	p.see(t, "#notice.bad", "lazisync is unreachable")
	p.requireSound(t)
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
	p.see(t, "td .state", "completed")
	w.publish(t, "sync.requested", `{"mode":"incremental","entities":["jobs","locations"]}`)
	p.see(t, "td.result", ", 1 of 2 entities skipped")
	p.follow(t, "#2")
	p.see(t, "td.full", "skipped: ")
	p.requireSound(t)
}
