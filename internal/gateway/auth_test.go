package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	tokens := []Token{NewToken("ops", Operator, "secret-one"), NewToken("ci", Operator, "secret-two")}
	for what, c := range map[string]struct {
		headers []string
		status  int
	}{
		"the first":      {[]string{"Authorization", "Bearer secret-one"}, 202},
		"the second":     {[]string{"Authorization", "bearer  secret-two"}, 202},
		"elsewhere":      {[]string{"Authorization", "Bearer secret-one", "Host", "sync.example.com"}, 202},
		"none":           {nil, 401},
		"wrong":          {[]string{"Authorization", "Bearer secret-three"}, 401},
		"a beginning":    {[]string{"Authorization", "Bearer secret-on"}, 401},
		"empty":          {[]string{"Authorization", "Bearer "}, 401},
		"its name":       {[]string{"Authorization", "Bearer ops"}, 401},
		"another scheme": {[]string{"Authorization", "Basic secret-one"}, 401},
		"two":            {[]string{"Authorization", "Bearer secret-one", "Authorization", "Bearer secret-two"}, 401},
		"in a cookie":    {[]string{"Cookie", sessionCookie + "=secret-one"}, 401},
		"by another web site": {
			[]string{"Authorization", "Bearer secret-one", "Sec-Fetch-Site", "cross-site"}, 403,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t, func(o *Options) { o.Tokens = tokens })
			got := s.send(http.MethodPost, "/sync/x/pause", "", c.headers...)
			require.Equal(t, c.status, got.status, got.body)
			require.Len(t, s.fakeStream.events(), map[bool]int{true: 1}[c.status == 202])
			if c.status == 401 {
				got.isProblem(t, 401, "Authorization: Bearer")
				require.Equal(t, `Bearer realm="lazisync"`, got.header.Get("WWW-Authenticate"))
			}
			require.NotContains(t, s.log.String(), "secret")
		})
	}
}

func TestEveryRouteWithDataNeedsAToken(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) {
		o.Tokens = []Token{NewToken("ops", Operator, "secret")}
		o.Metrics = http.NotFoundHandler()
	})
	for _, r := range s.gateway.routes() {
		path := strings.NewReplacer("{workflowId}", "w", "{requestId}", "r", "{tenant}", "1001", "{name}", "sync.control.v1", "{$}", "").Replace(r.path)
		got := s.send(r.method, path, "")
		switch r.path {
		case "/{$}", "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/schemas", "/schemas/{name}":
			require.Equal(t, 200, got.status, path)
		case "/webhooks/servicetitan", "/webhooks/servicetitan/{tenant}":
			got.isProblem(t, 401, "HMAC")
		default:
			if r.method == http.MethodDelete {
				continue // ends a session and returns no data
			}
			got.isProblem(t, 401, "Bearer")
		}
	}
}

func TestActorIsTheNameOfTheToken(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) {
		o.Tokens = []Token{NewToken("ops team", Operator, "one"), NewToken("ci", Operator, "two")}
	})
	for _, secret := range []string{"one", "two"} {
		require.Equal(t, 202, s.send(http.MethodPost, "/sync/x/pause", "", "Authorization", "Bearer "+secret, "Idempotency-Key", "same").status)
	}
	stored := s.fakeStream.events()
	require.Len(t, stored, 2)
	require.Equal(t, "/lazisync/gateway/ops%20team/pause/x", stored[0].Source())
	require.Equal(t, "/lazisync/gateway/ci/pause/x", stored[1].Source())
	data, err := events.Control.Data(stored[0])
	require.NoError(t, err)
	require.Equal(t, "ops team", data.Actor)
}

func TestSession(t *testing.T) {
	t.Parallel()
	now := today
	open := func(name, secret string) *testServer {
		return open(t, func(o *Options) {
			o.Tokens = []Token{NewToken("another", Operator, "other"), NewToken(name, Operator, secret)}
			o.Now = func() time.Time { return now }
		})
	}
	s := open("ops.team", "secret")
	require.Equal(t, 401, s.send(http.MethodPost, "/session", "", "Authorization", "Bearer wrong").status)
	got := s.send(http.MethodPost, "/session", "", "Authorization", "Bearer secret", "X-Forwarded-Proto", "https")
	require.Equal(t, 204, got.status)
	line := got.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "Secure", "SameSite=Strict", "Max-Age=43200"} {
		require.Contains(t, line, want)
	}
	require.NotContains(t, line, "Path", "a browser takes the folder, which a proxy may have put below a prefix")
	require.NotContains(t, line, "secret")
	pair, _, _ := strings.Cut(line, ";")

	status := func(s *testServer, cookie string) int {
		return s.send(http.MethodGet, "/api/sync/runs", "", "Cookie", cookie).status
	}
	require.Equal(t, 200, status(s, pair))
	require.Equal(t, 200, status(open("ops.team", "secret"), pair), "any gateway with the same tokens")
	require.Equal(t, 401, status(open("ops.team", "changed"), pair), "the token was changed")
	require.Equal(t, 401, status(open("renamed", "secret"), pair))
	require.Equal(t, 401, status(s, pair+"x"))
	require.Equal(t, 401, status(s, sessionCookie+"=.."))
	require.Equal(t, 401, status(s, strings.Replace(pair, "=", "=b3Bz", 1)))
	require.Equal(t, 403, s.send(http.MethodPost, "/sync/full", "", "Cookie", pair, "Origin", "https://evil.example").status)

	now = now.Add(sessionLength)
	require.Equal(t, 401, status(s, pair), "it has ended")
	require.Contains(t, s.send(http.MethodDelete, "/session", "").header.Get("Set-Cookie"), "Max-Age=0")
}

func TestWithoutTokensOnlyLoopbackIsServed(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for host, status := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "127.0.0.1:8080": 200, "127.3.2.1": 200, "[::1]:8080": 200, "[::1]": 200,
		"evil.example": 403, "localhost.evil.example": 403, "192.168.1.5:8080": 403,
	} {
		require.Equal(t, status, s.send(http.MethodGet, "/api/sync/runs", "", "Host", host).status, host)
		require.Equal(t, 200, s.send(http.MethodGet, "/healthz", "", "Host", host).status, host)
	}
}
