package stack

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/testing/pgserver/pgtest"
)

func options(t *testing.T, dir string) Options {
	t.Helper()
	return Options{
		Dir: dir, Environ: os.Environ(), Isolated: true, FreePorts: true, Unsafe: true, Log: zerolog.Nop(),
		Simulator: simulator.Options{RecordsPerEntity: 5, Seed: 1},
	}
}

func TestStackKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := Start(t.Context(), options(t, dir))
	require.NoError(t, err)
	secret := s.Variable("SERVICETITAN_WEBHOOK_SECRET")
	id, err := s.Simulator.Create("customers")
	require.NoError(t, err)
	query(t, s, "create table kept as select 1 as one")
	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop(), "a second Stop has no effect")

	s, err = Start(t.Context(), options(t, dir))
	require.NoError(t, err)
	query(t, s, "select one from kept")
	require.Equal(t, secret, s.Variable("SERVICETITAN_WEBHOOK_SECRET"))
	require.NoError(t, s.Simulator.Update("customers", id), "the company has its records")
	require.NoError(t, s.Stop())
}

func query(t *testing.T, s *Stack, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.Variable("DATABASE_URL"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestStackStartsAndStopsEveryService(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	var mu sync.Mutex
	var ready []string
	o.Ready = func(service Service) {
		mu.Lock()
		defer mu.Unlock()
		if service.From == Embedded {
			ready = append(ready, service.Name)
		}
	}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.True(t, s.nats.SyncAlways(), "acknowledged messages survive a power failure")
	require.ElementsMatch(t, []string{"PostgreSQL", "NATS", "Temporal", "Temporal UI", "ServiceTitan", "Slack"}, ready)
	for _, url := range []string{s.TemporalUIURL(), s.Slack.MessagesURL(), s.Variable("SERVICETITAN_API_URL") + "/_admin/stats"} {
		response, err := http.Get(url)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, url)
	}
	nc, err := nats.Connect(s.Variable("NATS_URL"))
	require.NoError(t, err)
	nc.Close()

	require.NoError(t, s.Stop())
	for _, addr := range []string{s.Variable("TEMPORAL_ADDRESS"), s.Variable("NATS_URL")[len("nats://"):], s.postgres.Addr()} {
		_, err := net.Dial("tcp", addr)
		require.Error(t, err, "%s still listens", addr)
	}
}

func TestStackStartsOnlyWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	o.Isolated = false
	o.Environ = []string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + pgtest.Database(t), "NATS_URL=nats://127.0.0.1:1", "TEMPORAL_ADDRESS=127.0.0.1:2",
		"SLACK_WEBHOOK_URL=http://127.0.0.1:3",
	}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop()) }()
	require.Zero(t, s.PostgresPid())
	require.Empty(t, s.TemporalUIURL())
	require.Nil(t, s.Slack)
	require.NotNil(t, s.Simulator)
	require.Equal(t, "nats://127.0.0.1:1", s.Variable("NATS_URL"))
	require.Equal(t, "127.0.0.1:2", s.Variable("TEMPORAL_ADDRESS"))
	require.Equal(t, "1039746210", s.Variable("SERVICETITAN_TENANT_ID"))
}

func TestStackRejectsADatabaseOfAnotherTenant(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db, err := store.Open(t.Context(), url, store.Options{Logger: zerolog.Nop()})
	require.NoError(t, err)
	_, err = db.Migrate(t.Context())
	require.NoError(t, err)
	db.Close()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	insert := `insert into raw.st_jobs (tenant_id, st_id, full_data, fetched_at, run_number) values ($1, 7, '{}', now(), 1)`
	_, err = conn.Exec(t.Context(), insert, simulator.DefaultTenant)
	require.NoError(t, err)

	o := options(t, t.TempDir())
	o.Isolated = false
	o.Environ = []string{"DATABASE_URL=" + url, "NATS_URL=nats://127.0.0.1:1", "TEMPORAL_ADDRESS=127.0.0.1:2"}
	s, err := Start(t.Context(), o)
	require.NoError(t, err, "rows of the simulated tenant are accepted")
	require.NoError(t, s.Stop())

	_, err = conn.Exec(t.Context(), insert, 42)
	require.NoError(t, err)
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "rows of tenant 42")
	o.Environ = append(o.Environ, "SERVICETITAN_CLIENT_ID=cid")
	s, err = Start(t.Context(), o)
	require.NoError(t, err, "ServiceTitan is configured")
	require.NoError(t, s.Stop())
}

func TestStackKeepsTheParametersOfACompany(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "company.json")
	first := simulator.Options{RecordsPerEntity: 7, Seed: 3}
	require.NoError(t, loadOrSaveParameters(path, &first))
	again := simulator.Options{}
	require.NoError(t, loadOrSaveParameters(path, &again))
	require.Equal(t, first, again)
	other := simulator.Options{RecordsPerEntity: 8}
	require.ErrorContains(t, loadOrSaveParameters(path, &other), "7 records of each entity, not 8: start with --fresh")
}

func TestReservePorts(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	_, err = reservePorts(true, environment{"HTTP_ADDR": taken.Addr().String()})
	require.ErrorContains(t, err, "HTTP_ADDR")
	require.ErrorContains(t, err, "free it or set another")
	p, err := reservePorts(true, environment{"ADMIN_ADDR": "127.0.0.1:0"})
	require.NoError(t, err)
	defer p.release(p.all()...)
	require.NotEqual(t, "127.0.0.1:0", p.admin.address(), "the address has the actual port")
	require.NotEqual(t, p.gateway.Number, p.admin.Number)
}
