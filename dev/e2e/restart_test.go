package e2e

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/dev/postgres"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

func TestRunSurvivesARestartOfEveryServer(t *testing.T) {
	t.Parallel()
	free, err := ports.Free(1) // no other process selects it while the server is restarted
	require.NoError(t, err)
	database := &ownPostgres{options: pgserver.Options{Dir: t.TempDir(), Port: free[0], Unsafe: true, StopWithParent: true}}
	t.Cleanup(func() { // the data of root's PostgreSQL is in another folder
		require.NoError(t, pgserver.Remove(context.WithoutCancel(t.Context()), database.options.Dir))
	})
	temporal := &ownTemporal{options: temporalserver.Options{File: filepath.Join(t.TempDir(), "temporal.db"), Unsafe: true, Log: zerolog.Nop()}}
	database.start(t)
	temporal.start(t)
	w := newFixture(t, options{
		simulator:   simulator.Options{RecordsPerEntity: 1500, ExportPageSize: 25},
		databaseURL: database.URL(""), temporalAddr: temporal.Addr(),
	})
	w.start(t, "serve")
	// A restarted server runs until the end of the whole test, not of its part.
	for name, restart := range map[string]func(){
		"NATS": func() {
			w.nats.Stop()
			w.nats.start(t)
		},
		"Temporal": func() {
			require.NoError(t, temporal.Stop())
			temporal.start(t)
		},
		"PostgreSQL": func() {
			require.NoError(t, database.Stop())
			database.start(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.stack.Simulator.ResetStats()
			w.stack.Simulator.SetPace(pageTime)
			requestID := w.request(t, `{"mode":"full"}`)
			w.awaitPages(t, 30)
			restart()
			require.Less(t, w.total(), 240, "the restart happens during the run")
			w.stack.Simulator.SetPace(0)

			w.awaitFinalized(t, requestID)
			require.Equal(t, "completed", value[string](t, w,
				"select runs.state from raw.sync_runs runs join raw.sync_requests using (run_number) where request_id = $1", requestID))
			w.requireEqual(t)
		})
	}
	w.requireNotifiedOnce(t)
}

// awaitFinalized waits until an outcome with the request is stored. A subscription may have missed
// it while NATS was down.
func (w *fixture) awaitFinalized(t *testing.T, requestID string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, h := range w.stored(t, "SYNC_EVENTS") {
			if strings.HasPrefix(h.on, "sync.c") && strings.Contains(string(h.Data), `"requestId":"`+requestID+`"`) && strings.Contains(string(h.Data), `"finishedAt"`) {
				return true
			}
		}
		return false
	}, waitLimit, 10*tick)
}

// ownPostgres is a PostgreSQL that restarts with the same data and port.
type ownPostgres struct {
	*pgserver.Server
	options pgserver.Options
}

func (s *ownPostgres) start(t *testing.T) {
	t.Helper()
	var err error
	s.Server, err = postgres.Start(t.Context(), s.options)
	require.NoError(t, err)
	server := s.Server
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
}

// ownTemporal is a Temporal that restarts with the same data and port.
type ownTemporal struct {
	*temporalserver.Server
	options temporalserver.Options
}

func (s *ownTemporal) start(t *testing.T) {
	t.Helper()
	var err error
	s.Server, err = temporalserver.Start(t.Context(), s.options)
	require.NoError(t, err)
	s.options.Port = portOf(t, s.Addr())
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, ok := strings.Cut(addr, ":")
	require.True(t, ok, addr)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return n
}
