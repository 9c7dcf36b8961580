package app

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHealthcheckSaysWhatReadyzSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		want   string
	}{
		"ready":     {http.StatusOK, ""},
		"not ready": {http.StatusServiceUnavailable, `got 503 Service Unavailable {"nats":"failing"}, want 200`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/readyz", r.URL.Path)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"nats":"failing"}`))
			}))
			t.Cleanup(server.Close)
			cfg, err := Load([]string{"ADMIN_ADDR=" + strings.TrimPrefix(server.URL, "http://")}, ToolRole)
			require.NoError(t, err)
			var out bytes.Buffer
			err = Healthcheck(t.Context(), cfg, &out)
			if c.want == "" {
				require.NoError(t, err)
				require.Contains(t, out.String(), "nats")
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestHealthcheckOfNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := l.Addr().String()
	require.NoError(t, l.Close())
	cfg, err := Load([]string{"ADMIN_ADDR=" + free}, ToolRole)
	require.NoError(t, err)
	require.ErrorContains(t, Healthcheck(t.Context(), cfg, &bytes.Buffer{}), "not alive")
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
