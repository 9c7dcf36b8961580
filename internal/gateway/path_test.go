package gateway

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// Proxies duplicate slashes, append one and change the case. Senders of webhooks follow no
// redirect.
func TestWebhookPathVariantsAreServedWithoutRedirect(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/webhooks/servicetitan", "/webhooks/servicetitan/", "//webhooks/servicetitan", "/webhooks//servicetitan",
		"///webhooks///servicetitan///", "/Webhooks/ServiceTitan", "/WEBHOOKS/SERVICETITAN/", "/./webhooks/servicetitan",
		"/webhooks/servicetitan/1001", "/webhooks/servicetitan/1001/", "/webhooks/servicetitan//1001", "//Webhooks/servicetitan/1001",
		"/webhooks/servicetitan?from=proxy", "//webhooks/servicetitan/?x",
	} {
		taken := 0
		s := open(t, func(o *Options) {
			o.Webhooks.OnDelivery = func(r WebhookResult) {
				if r == WebhookAccepted {
					taken++
				}
			}
		})
		const body = `{"eventType":"job.updated"}`
		got := s.send(http.MethodPost, path, body, "X-ServiceTitan-Signature", hexOf(testKey, body))
		require.Equal(t, 200, got.status, "%s: %s", path, got.body)
		require.Len(t, s.fakeStream.events(), 1, path)
		require.Equal(t, 1, taken, path)
		require.Equal(t, 401, s.send(http.MethodPost, path, body, "X-ServiceTitan-Signature", hexOf(testKey, body+" ")).status, path)
		got = s.send(http.MethodGet, path, "")
		require.Equal(t, 405, got.status, path)
		require.Equal(t, "POST", got.header.Get("Allow"), path)
	}
}

// A redirect names a path, which is wrong if a proxy strips a prefix.
func TestPathsAreNotRedirected(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for path, status := range map[string]int{
		"//": 200, "//api/sync/runs": 200, "/api//sync/runs/": 200, "/api/sync/../sync/runs": 200, "//healthz": 200,
		"/API/sync/runs": 404, "/api/temporal/workflows/a%2Fb": 404, "/nothing//here": 404,
	} {
		got := s.send(http.MethodGet, path, "")
		require.Equal(t, status, got.status, "%s: %s", path, got.body)
		require.Empty(t, got.header.Get("Location"), path)
	}
	got := s.send(http.MethodPost, "//sync//full/", "")
	require.Equal(t, 202, got.status, got.body)
}

func TestByteOrderMarkBeforeJSONIsIgnored(t *testing.T) {
	t.Parallel()
	const bom = "\xef\xbb\xbf"
	s := open(t, nil)
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/full", bom+`{"entities":["jobs"]}`).status)
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/incremental", bom).status, "an empty body")
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/w/pause", bom+`{"reason":"r"}`).status)
	require.Equal(t, 200, s.send(http.MethodPost, "/api/temporal/schedules/lazisync-full-1001/pause", bom+`{"reason":"r"}`).status)
	require.Equal(t, 400, s.send(http.MethodPost, "/sync/full", bom+bom+`{}`).status, "one alone")

	// The signature covers the original bytes.
	const body = bom + `{"eventType":"job.updated"}`
	require.Equal(t, 200, s.send(http.MethodPost, "/webhooks/servicetitan", body, "X-ServiceTitan-Signature", hexOf(testKey, body)).status)
	require.Equal(t, 401, s.send(http.MethodPost, "/webhooks/servicetitan", body, "X-ServiceTitan-Signature", hexOf(testKey, body[len(bom):])).status)
	published := s.fakeStream.events()
	data, err := events.Requested.Data(published[len(published)-1])
	require.NoError(t, err)
	require.Equal(t, []string{"jobs"}, data.Entities)
}

func TestLargeCookiesAreAccepted(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	gateway := open(t, nil).gateway
	go func() { done <- gateway.Serve(ctx, listener) }()
	defer func() { stop(); require.NoError(t, <-done) }()
	address := listener.Addr().String()
	for size, want := range map[int]int{24 << 10: 200, 60 << 10: 200, 100 << 10: 431} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/healthz", nil)
		require.NoError(t, err)
		request.Header.Set("Cookie", "proxy="+strings.Repeat("x", size))
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, "%d bytes", size)
	}
}
