package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/probe"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	works := probe.Probe{Name: "nats", Check: func(context.Context) error { return nil }}
	fails := probe.Probe{Name: "postgresql", Check: func(context.Context) error { return errors.New("host db.internal does not answer") }}
	for _, c := range []struct {
		probes []probe.Probe
		status int
		body   string
	}{
		{nil, 200, `{"status":"ready","role":"bridge","checks":{}}`},
		{[]probe.Probe{works}, 200, `{"status":"ready","role":"bridge","checks":{"nats":"ok"}}`},
		{[]probe.Probe{works, fails}, 503, `{"status":"not ready","role":"bridge","checks":{"nats":"ok","postgresql":"failing"}}`},
	} {
		s := open(t, func(o *Options) { o.Ready = probe.New("bridge", o.Logger, c.probes...) })
		got := s.send(http.MethodGet, "/readyz", "")
		require.Equal(t, c.status, got.status)
		require.JSONEq(t, c.body, got.body)
		require.Equal(t, c.status == 503, strings.Contains(s.log.String(), "db.internal"), "why is for the log")
		require.JSONEq(t, `{"status":"alive"}`, s.send(http.MethodGet, "/healthz", "").body)

		admin := httptest.NewRecorder()
		Health(probe.New("bridge", zerolog.Nop(), c.probes...), nil).ServeHTTP(admin, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		require.Equal(t, c.status, admin.Code)
		require.JSONEq(t, c.body, admin.Body.String())
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "lazisync_up 1") })
	s := open(t, func(o *Options) { o.Metrics = metrics })
	require.Equal(t, "lazisync_up 1", s.send(http.MethodGet, "/metrics", "").body)
	admin := httptest.NewRecorder()
	Health(probe.New("bridge", zerolog.Nop()), metrics).ServeHTTP(admin, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, "lazisync_up 1", admin.Body.String())
}

// TestProfiles are served at the admin address only.
func TestProfiles(t *testing.T) {
	t.Parallel()
	admin := httptest.NewRecorder()
	Health(probe.New("bridge", zerolog.Nop()), nil).ServeHTTP(admin, httptest.NewRequest(http.MethodGet, "/debug/pprof/goroutine?debug=1", nil))
	require.Equal(t, http.StatusOK, admin.Code)
	require.Contains(t, admin.Body.String(), "goroutine profile: total")
	require.Equal(t, http.StatusNotFound, open(t, nil).send(http.MethodGet, "/debug/pprof/goroutine?debug=1", "").status)
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, path := range []string{"/", "/api/sync/runs", "/nothing"} {
		got := s.send(http.MethodGet, path, "")
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", got.header.Get("X-Frame-Options"))
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Empty(t, got.header.Get("Server"))
	}
}

// The page loads nothing from other origins, and its policy allows exactly its own content.
func TestPage(t *testing.T) {
	t.Parallel()
	got := open(t, nil).send(http.MethodGet, "/", "")
	require.Equal(t, 200, got.status)
	require.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
	policy := got.header.Get("Content-Security-Policy")
	for tag, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		inline := regexp.MustCompile(`(?s)<`+tag+`[^>]*>(.*?)</`+tag+`>`).FindAllStringSubmatch(got.body, -1)
		require.Len(t, inline, 1)
		require.Contains(t, policy, directive+" "+digest([]byte(inline[0][1])))
	}
	require.NotRegexp(t, `(?i)https?://|\ssrc=|\son[a-z]+=|\sstyle=|unsafe`, got.body+policy)
	for _, want := range []string{"prefers-color-scheme: dark", "root + 'api/events'"} {
		require.Contains(t, got.body, want)
	}
}

func TestPageContainsTheClient(t *testing.T) {
	t.Parallel()
	require.Contains(t, open(t, nil).send(http.MethodGet, "/", "").body, `<body class="open" `)
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("<b>ops</b>", Operator, "secret")} })
	require.Contains(t, s.send(http.MethodGet, "/", "").body, `<body class="closed" `)
	cookie, _, _ := strings.Cut(s.send(http.MethodPost, "/session", "", "Authorization", "Bearer secret").header.Get("Set-Cookie"), ";")
	for pair, class := range map[string]string{cookie: "signed-in", cookie + "x": "closed"} {
		got := s.send(http.MethodGet, "/", "", "Cookie", pair)
		require.Contains(t, got.body, `<body class="`+class+`" `)
		require.Equal(t, class == "signed-in", strings.Contains(got.body, "Signed in as &lt;b&gt;ops&lt;/b&gt;<"))
		require.NotContains(t, got.body, "{{")
	}
}

func TestPanicReturns500(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("at the disco") })
	})
	s.send(http.MethodGet, "/metrics", "").isProblem(t, 500, "see the log of the gateway")
	require.Contains(t, s.log.String(), "at the disco")
}
