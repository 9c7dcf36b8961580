package temporalui_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/dev/temporalui"
)

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", url, body)
	return string(body)
}

func TestShowsTheNamespace(t *testing.T) {
	t.Parallel()
	temporal, err := temporalserver.Start(t.Context(), temporalserver.Options{
		File: filepath.Join(t.TempDir(), "temporal.db"), Unsafe: true, Log: zerolog.Nop(),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, temporal.Stop()) }()
	ui, err := temporalui.Start(t.Context(), temporalui.Options{TemporalAddr: temporal.Addr(), Namespace: temporalserver.Namespace})
	require.NoError(t, err)

	require.Contains(t, strings.ToLower(get(t, ui.URL()+"/")), "<!doctype html>")
	require.Contains(t, get(t, ui.URL()+"/api/v1/namespaces/default"), `"name": "default"`)

	ui.Stop()
	_, err = net.Dial("tcp", strings.TrimPrefix(ui.URL(), "http://"))
	require.Error(t, err, "no server listens any more")
}

func TestStartFailsIfThePortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = temporalui.Start(t.Context(), temporalui.Options{Port: l.Addr().(*net.TCPAddr).Port})
	require.ErrorContains(t, err, "address already in use")
}
