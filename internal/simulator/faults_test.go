package simulator_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

func TestFaultsWithErrorStatuses(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]struct {
		status int
		body   string
		header string
	}{
		`{"kind":"429","waitSeconds":50}`:                  {429, "Try again in 50 seconds.", ""},
		`{"kind":"429","waitSeconds":7,"retryAfter":true}`: {429, "Try again in 7 seconds.", "7"},
		`{"kind":"429","retryAfterText":"soon"}`:           {429, "Rate limit is exceeded.\"", "soon"},
		`{"kind":"503html"}`:                               {503, "<!DOCTYPE html>", ""},
		`{"kind":"html"}`:                                  {200, "<!DOCTYPE html>", ""},
		`{"kind":"500"}`:                                   {500, `"status":500`, ""},
		`{"kind":"403"}`:                                   {403, "Scope validation failed", ""},
		`{"kind":"401"}`:                                   {401, "Unauthorized", ""},
		`{"kind":"404"}`:                                   {404, `"status":404`, ""},
		`{"kind":"409","entity":"customers","on":"list"}`:  {409, `"status":409`, ""},
		`{"kind":"204"}`:                                   {204, "", ""},
		`{"kind":"423"}`:                                   {423, `"status":423`, ""},
		`{"kind":"403","foreign":true}`:                    {403, "<!DOCTYPE html>", ""},
		`{"kind":"byteOrderMark"}`:                         {200, "\uFEFF{", ""},
		`{"kind":"malformedRecord"}`:                       {200, `,"spoilt":NaN},{`, ""},
		`{"kind":"malformedRecord","value":"007"}`:         {200, `,"spoilt":007},{`, ""},
		`{"kind":"malformedPage"}`:                         {200, `{"spoilt":NaN,"page":1`, ""},
		`{"kind":"maintenance"}`:                           {409, "suspended for maintenance", ""},
		`{"kind":"badRecord"}`:                             {200, `{"id":"seven"`, ""},
		`{"kind":"slow","delayMs":1}`:                      {200, `"hasMore":false`, ""},
		`{"kind":"emptyHasMore"}`:                          {200, `"hasMore":true,"totalCount":null,"data":[]`, ""},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			a := start(t, simulator.Options{RecordsPerEntity: 3})
			status, text := a.admin(t, "POST", "faults", fault)
			require.Equal(t, http.StatusNoContent, status, text)
			response, err := http.DefaultClient.Do(a.request(t, customersList))
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, want.status, response.StatusCode)
			require.Contains(t, string(body), want.body)
			require.Equal(t, want.header, response.Header.Get("Retry-After"))

			require.NotEmpty(t, a.page(t, customersList).Data, "the next call is well again")
		})
	}
}

func TestFaultsThatDamageResponses(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"reset", "truncate"} {
		a := start(t, simulator.Options{RecordsPerEntity: 3})
		require.NoError(t, a.AddFault(simulator.Fault{Kind: kind}))
		// Go's HTTP client repeats a GET by itself if a kept connection breaks.
		fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := fresh.Do(a.request(t, customersExport))
		if err == nil {
			_, err = io.ReadAll(response.Body)
			require.NoError(t, response.Body.Close())
		}
		require.Error(t, err, kind)
		require.Equal(t, kind == "truncate", errors.Is(err, io.ErrUnexpectedEOF), err)
		a.page(t, customersExport)
	}
}

func TestFaultsOfFeeds(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 10, ExportPageSize: 4})
	fault := func(kind string) { require.NoError(t, a.AddFault(simulator.Fault{Kind: kind})) }
	fault("freshTokens")
	fault("freshTokens")
	fresh, again := a.page(t, customersExport), a.page(t, customersExport)
	require.True(t, fresh.HasMore)
	require.Equal(t, fresh.Data, again.Data)
	require.NotEqual(t, fresh.ContinueFrom, again.ContinueFrom)

	first := a.page(t, customersExport)
	next := customersExport + "?from=" + first.ContinueFrom
	want := a.page(t, next)

	fault("stuckToken")
	stuck := a.page(t, next)
	require.True(t, stuck.HasMore)
	require.Equal(t, first.ContinueFrom, stuck.ContinueFrom, "to the letter")
	require.Equal(t, want.ids(), a.page(t, customersExport+"?from="+stuck.ContinueFrom).ids())
	fault("emptyHasMore")
	empty := a.page(t, next)
	require.True(t, empty.HasMore)
	require.Empty(t, empty.Data)
	require.Equal(t, want.ids(), a.page(t, customersExport+"?from="+empty.ContinueFrom).ids())
	fault("emptyToken")
	require.Empty(t, a.page(t, next).ContinueFrom)
	fault("repeatRecord")
	require.Equal(t, append(want.ids(), want.ids()[0]), a.page(t, next).ids())
}

// TestFaultsMatchTheChosenCalls: skip, count, entity and on select the calls.
func TestFaultsMatchTheChosenCalls(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 1})
	call := func(path string) int { status, _ := a.get(t, path); return status }

	require.NoError(t, a.AddFault(simulator.Fault{Kind: "500", Entity: "jobs", On: "export", Skip: 1, Count: 2}))
	require.Equal(t, []int{200, 200, 200}, []int{call(jobsList), call(customersExport), call(jobsExport)})
	require.Equal(t, []int{500, 500, 200}, []int{call(jobsExport), call(jobsExport), call(jobsExport)})

	require.NoError(t, a.AddFault(simulator.Fault{Kind: "503", Count: -1}))
	require.Equal(t, []int{503, 503}, []int{call(jobsList), call(customersExport)})
	status, _ := a.admin(t, "DELETE", "faults", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, 200, call(jobsList))

	require.NoError(t, a.AddFault(simulator.Fault{Kind: "expiredTokens"}))
	require.Equal(t, []int{401, 401}, []int{call(jobsList), call(jobsList)})
	a.login(t)
	require.Equal(t, 200, call(jobsList))

	require.NoError(t, a.AddFault(simulator.Fault{Kind: "503html", On: "token"}))
	require.Equal(t, 200, call(jobsList))
	response, err := http.Post(a.url+"/connect/token", "application/x-www-form-urlencoded", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 503, response.StatusCode)

	require.ErrorContains(t, a.AddFault(simulator.Fault{Kind: "explode"}), `unknown kind "explode"`)
	require.ErrorContains(t, a.AddFault(simulator.Fault{Kind: "429", On: "page"}), `on is "page"`)
}

// TestWebhooks: the signature covers the raw body; a webhook is retried until it is accepted, and
// dropped after the last retry.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	type delivery struct{ signature, body string }
	deliveries := make(chan delivery, 100)
	answers := make(chan int, 3)
	receiver := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		deliveries <- delivery{r.Header.Get("x-servicetitan-signature"), string(body)}
		select {
		case status := <-answers:
			w.WriteHeader(status)
		default:
		}
	}))

	a := start(t, simulator.Options{RecordsPerEntity: 5})
	hooks := simulator.NewWebhooks(simulator.WebhookOptions{
		URL: receiver, Secret: "a secret of at least thirty-two characters", Delays: []time.Duration{time.Millisecond, time.Millisecond},
	})
	a.OnChange(hooks.Notify)
	go hooks.Run(t.Context())

	answers <- 500
	answers <- 302
	id, err := a.Create("customers")
	require.NoError(t, err)
	next := func() delivery {
		select {
		case d := <-deliveries:
			return d
		case <-time.After(time.Minute):
			require.FailNow(t, "no delivery came")
			return delivery{}
		}
	}
	first, second, third := next(), next(), next()
	require.Equal(t, first, second)
	require.Equal(t, first, third)
	require.Equal(t, simulator.Signature("a secret of at least thirty-two characters", []byte(first.body)), first.signature)
	require.Regexp(t, `^{"id":\d+,"active":true,.*"eventId":"[-0-9T:.]+Z","eventType":"customer.created","__tenantInfo":{"id":1039746210,"name":".+"}}$`, first.body)

	for range 3 {
		answers <- 503
	}
	require.NoError(t, a.Update("customers", id))
	for range 3 {
		require.Contains(t, next().body, "customer.updated")
	}
	require.NoError(t, a.Delete("customers", id))
	require.Contains(t, next().body, `"active":false`, "the update was given up after three tries")
	require.False(t, strings.Contains(first.body, "\n"))
}

// TestSignature uses a vector from RFC 4231 (test case 2).
func TestSignature(t *testing.T) {
	t.Parallel()
	require.Equal(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		simulator.Signature("Jefe", []byte("what do ya want for nothing?")))
}
