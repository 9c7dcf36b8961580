package natsserver_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
)

func start(t *testing.T, o natsserver.Options) *natsserver.Server {
	t.Helper()
	o.Log = zerolog.New(zerolog.NewTestWriter(t))
	s, err := natsserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

func connect(t *testing.T, s *natsserver.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(s.URL(), nats.NoReconnect())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestStreamsSurviveARestart(t *testing.T) {
	t.Parallel()
	for _, syncAlways := range []bool{false, true} {
		t.Run("sync always "+strconv.FormatBool(syncAlways), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := start(t, natsserver.Options{Dir: dir, SyncAlways: syncAlways})
			require.Equal(t, syncAlways, s.SyncAlways())
			js := connect(t, s)
			_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}})
			require.NoError(t, err)
			_, err = js.Publish(t.Context(), "kept", []byte("message"))
			require.NoError(t, err)
			address := hostOf(t, s.URL())
			s.Stop()
			_, err = net.Dial("tcp", address)
			require.Error(t, err, "the server has stopped listening")

			js = connect(t, start(t, natsserver.Options{Dir: dir, SyncAlways: syncAlways}))
			stream, err := js.Stream(t.Context(), "KEPT")
			require.NoError(t, err)
			message, err := stream.GetMsg(t.Context(), 1)
			require.NoError(t, err)
			require.Equal(t, "message", string(message.Data))
		})
	}
}

func TestServerListensOnLoopbackAndRefusesATakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	_, err = natsserver.Start(t.Context(), natsserver.Options{Dir: t.TempDir(), Port: taken, Log: zerolog.Nop()})
	require.ErrorContains(t, err, "address already in use")

	host, _, err := net.SplitHostPort(hostOf(t, start(t, natsserver.Options{Dir: t.TempDir()}).URL()))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
}

func TestUnusableFolderIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := natsserver.Start(t.Context(), natsserver.Options{Dir: file, Log: zerolog.Nop()})
	require.Error(t, err)
	_, err = natsserver.Start(t.Context(), natsserver.Options{})
	require.ErrorContains(t, err, "want a folder")
}

func hostOf(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u.Host
}
