package cli

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

var defaultAddrs = map[string]string{
	"serve": "127.0.0.1:9090", "bridge": "127.0.0.1:9091", "worker": "127.0.0.1:9092", "notifier": "127.0.0.1:9093", "gateway": "127.0.0.1:9094",
}

func TestHealthcheckReportsReadyz(t *testing.T) {
	t.Parallel()
	const (
		ready    = `{"status":"ready","role":"bridge"}`
		notReady = `{"status":"not ready","role":"bridge","checks":{"nats":"failing"}}`
	)
	for name, c := range map[string]struct {
		status     int
		body, role string
		want       string
	}{
		"ready":           {http.StatusOK, ready, "", ""},
		"ready by name":   {http.StatusOK, ready, "bridge", ""},
		"not ready":       {http.StatusServiceUnavailable, notReady, "", `got 503 Service Unavailable ` + notReady + `, want 200`},
		"another role":    {http.StatusOK, ready, "worker", `got role "bridge", want worker: set ADMIN_ADDR, or name the role`},
		"another program": {http.StatusOK, `{"status":"up"}`, "bridge", `got role "", want bridge`},
		"no such role":    {http.StatusOK, ready, "brigde", `role: got "brigde", want serve, bridge, worker, notifier or gateway`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/readyz", r.URL.Path)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			cfg, err := config.Load([]string{"ADMIN_ADDR=" + strings.TrimPrefix(server, "http://")}, config.Options{})
			require.NoError(t, err)
			var out bytes.Buffer
			err = Healthcheck(t.Context(), cfg, defaultAddrs, c.role, &out)
			if c.want == "" {
				require.NoError(t, err)
				require.Contains(t, out.String(), "bridge")
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestHealthcheckUsesTheDefaultPortOfTheRole: without ADMIN_ADDR each role has a port of its own.
func TestHealthcheckUsesTheDefaultPortOfTheRole(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(nil, config.Options{})
	require.NoError(t, err)
	for role, port := range map[string]string{"": "9090", "serve": "9090", "bridge": "9091", "worker": "9092", "notifier": "9093", "gateway": "9094"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorContains(t, Healthcheck(ctx, cfg, defaultAddrs, role, &bytes.Buffer{}), "127.0.0.1:"+port+"/readyz")
	}
}

func TestHealthcheckFailsIfNothingListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := l.Addr().String()
	require.NoError(t, l.Close())
	cfg, err := config.Load([]string{"ADMIN_ADDR=" + free}, config.Options{})
	require.NoError(t, err)
	require.ErrorContains(t, Healthcheck(t.Context(), cfg, defaultAddrs, "", &bytes.Buffer{}), "no answer")
}

// TestHealthcheckIgnoresProxies: where HTTP_PROXY is set, the proxy would answer for a role
// that listens on an address of the container's own.
func TestHealthcheckIgnoresProxies(t *testing.T) {
	t.Parallel()
	require.Nil(t, noProxy.Transport.(*http.Transport).Proxy)
}

func TestDialable(t *testing.T) {
	t.Parallel()
	for listen, dial := range map[string]string{
		"0.0.0.0:9090": "localhost:9090", ":9090": "localhost:9090", "[::]:9090": "localhost:9090",
		"127.0.0.1:9091": "127.0.0.1:9091", "admin.internal:9092": "admin.internal:9092",
	} {
		require.Equal(t, dial, dialable(listen))
	}
}
