//go:build browser

package gatewaytest

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

const token = "0123456789abcdef0123456789abcdef"

// The page works where a proxy strips a path prefix, with and without a slash at the end of
// the address, and nothing that it asks for is outside the prefix.
func TestThePageWorksBelowAPathPrefix(t *testing.T) {
	for _, address := range []string{"/lazisync/", "/lazisync", "/tools/sync/lazisync/"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			below := newPrefixed(t, strings.TrimSuffix(address, "/"))
			tab := browser(t)
			do(t, tab, chromedp.Navigate(below.url+address))
			await(t, tab, `document.activeElement?.id === 'token'`) // it gets the focus later than it is visible
			do(t, tab, chromedp.KeyEvent(token+"\r"))
			await(t, tab, `document.querySelector('#live')?.innerText === 'live'`)
			await(t, tab, `document.querySelector('main')?.innerText.includes('#7') === true`)
			click(t, tab, `a[href="#/start?mode=full"]`)
			click(t, tab, `#start button[type=submit]`)
			await(t, tab, `document.querySelector('#notice').innerText.includes('request ')`)
			require.Equal(t, []string{events.Requested.Name}, below.published())
			click(t, tab, `#sign-out`)
			await(t, tab, `document.querySelector('#token')?.checkVisibility() === true`)
			require.Empty(t, below.outside(), "asked for outside the prefix")
		})
	}
}

func browser(t *testing.T) context.Context {
	t.Helper()
	options := slices.Clone(chromedp.DefaultExecAllocatorOptions[:])
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx)) // the browser lives as long as ctx
	return ctx
}

func do(t *testing.T, tab context.Context, step chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, step))
}

// click clicks a visible element in one step of the page, so that no refresh can replace it in between.
func click(t *testing.T, tab context.Context, selector string) {
	t.Helper()
	await(t, tab, `(e => { if (!e?.checkVisibility()) return false; e.click(); return true; })(document.querySelector('`+selector+`'))`)
}

func await(t *testing.T, tab context.Context, expression string) {
	t.Helper()
	require.Eventually(t, func() bool {
		is, err := chromedp.Run(tab, chromedp.Evaluate[bool](expression))
		return err == nil && is
	}, time.Minute, 50*time.Millisecond, expression)
}

// prefixed is a gateway behind a proxy that strips a prefix.
type prefixed struct {
	url string

	mu      sync.Mutex
	sent    []string // types of events
	strayed []string // paths outside the prefix
}

func newPrefixed(t *testing.T, prefix string) *prefixed {
	t.Helper()
	p := &prefixed{}
	g, err := gateway.New(gateway.Options{
		Publisher: p, Ledger: fakeLedger{}, Temporal: fakeTemporal{}, DeadLetters: fakeDeadLetters{}, Handlings: fakeDeadLetters{}, Audit: fakeAudit{},
		Subscribe: func(context.Context, func(events.Message)) error { return nil },
		Tenants:   []events.TenantID{"1001"}, Entities: []string{"jobs"},
		Tokens: []gateway.Token{gateway.NewToken("ops", gateway.Operator, token)}, Logger: zerolog.Nop(),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-served) })

	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	proxy.FlushInterval = -1
	p.url = testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, below := strings.CutPrefix(r.URL.Path, prefix)
		if !below || rest != "" && rest[0] != '/' {
			p.mu.Lock()
			p.strayed = append(p.strayed, r.URL.Path)
			p.mu.Unlock()
			http.NotFound(w, r)
			return
		}
		r.URL.Path, r.URL.RawPath = rest, ""
		proxy.ServeHTTP(w, r)
	}))
	return p
}

func (p *prefixed) Publish(_ context.Context, e events.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, e.Type())
	return nil
}

func (p *prefixed) published() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

func (p *prefixed) outside() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.strayed)
}

// fakeLedger is a ledger with one run.
type fakeLedger struct{}

func (fakeLedger) Request(context.Context, string) (ledger.Receipt, error) {
	return ledger.Receipt{}, ledger.ErrUnknown
}
func (fakeLedger) ListRequests(context.Context, ledger.RequestFilter, int) ([]ledger.Receipt, error) {
	return nil, nil
}
func (fakeLedger) States(context.Context, events.TenantID) ([]ledger.EntityState, error) {
	return nil, nil
}
func (fakeLedger) Workflow(context.Context, string) (ledger.WorkflowState, error) {
	return ledger.WorkflowState{Known: true}, nil
}

func (fakeLedger) Runs(context.Context, int) ([]ledger.Run, error) {
	return []ledger.Run{{Number: 7, TenantID: "1001", Mode: events.Full, WorkflowID: "w", State: ledger.Completed, StartedAt: time.Now(), FinishedAt: time.Now()}}, nil
}

func (fakeLedger) FindRuns(context.Context, ledger.RunFilter, int) ([]ledger.Run, error) {
	return nil, nil
}
func (fakeLedger) RunHeader(context.Context, int64) (ledger.Run, error) {
	return ledger.Run{}, ledger.ErrUnknown
}
func (fakeLedger) NewFields(context.Context, events.TenantID, string) ([]ledger.NewField, error) {
	return nil, nil
}

func (fakeLedger) Freshness(context.Context) ([]ledger.Freshness, error) { return nil, nil }

func (fakeLedger) OpenOutages(context.Context) ([]ledger.Outage, error) { return nil, nil }

func (fakeLedger) RejectedRecords(context.Context, ledger.RejectedFilter, int) ([]ledger.RejectedRecord, error) {
	return nil, nil
}

func (fakeLedger) CallSpans(context.Context, time.Time) ([]ledger.CallSpan, []ledger.CallBudget, error) {
	return nil, nil, nil
}

func (fakeLedger) RejectedCounts(context.Context, time.Time) ([]ledger.RejectedCount, error) {
	return nil, nil
}

func (fakeLedger) Unfinalized(context.Context) ([]ledger.Run, error) { return nil, nil }

func (fakeLedger) Waiting(context.Context, events.TenantID) ([]ledger.Waiting, error) {
	return nil, nil
}

// fakeTemporal is a Temporal with a worker and no schedules.
type fakeTemporal struct{ gateway.Temporal }

func (fakeTemporal) HasWorkers(context.Context) (bool, error)                 { return true, nil }
func (fakeTemporal) ListSchedules(context.Context) ([]ledger.Schedule, error) { return nil, nil }

// fakeDeadLetters is an empty dead-letter stream.
type fakeDeadLetters struct {
	gateway.DeadLetters
	gateway.DeadLetterHandlings
}

func (fakeDeadLetters) LatestDeadLetters(context.Context, uint64, int) (list []events.RejectedMessage, total, next uint64, err error) {
	return nil, 0, 0, nil
}

func (fakeDeadLetters) Handlings(context.Context, []ledger.DeadLetterKey) (map[ledger.DeadLetterKey]ledger.Handling, error) {
	return nil, nil
}
