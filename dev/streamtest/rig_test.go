package streamtest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

const (
	patience = time.Minute
	tick     = 10 * time.Millisecond
)

// rig is a server, a connection under test, and a plain connection.
type rig struct {
	dir    string
	port   int
	server *natsserver.Server
	conn   *stream.Conn
	log    *process.Log
	nc     *nats.Conn
	js     jetstream.JetStream
}

// newRig starts a server with every stream declared.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir(), log: &process.Log{}}
	r.startServer(t)
	t.Cleanup(func() { r.server.Stop() })
	r.conn = connect(t, r.server.URL(), r.log)
	var err error
	r.nc, err = nats.Connect(r.server.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(tick))
	require.NoError(t, err)
	t.Cleanup(r.nc.Close)
	r.js, err = jetstream.New(r.nc)
	require.NoError(t, err)
	_, err = r.conn.Declare(ctx(t))
	require.NoError(t, err)
	return r
}

func connect(t testing.TB, address string, log *process.Log) *stream.Conn {
	t.Helper()
	conn, err := stream.Connect(stream.Options{URL: address, Name: "test", Logger: zerolog.New(log)})
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// startServer starts the server, the second time with the same port and data.
func (r *rig) startServer(t testing.TB) {
	t.Helper()
	server, err := natsserver.Start(ctx(t), natsserver.Options{Dir: r.dir, Port: r.port, Log: zerolog.Nop()})
	require.NoError(t, err)
	address, err := url.Parse(server.URL())
	require.NoError(t, err)
	r.port, err = strconv.Atoi(address.Port())
	require.NoError(t, err)
	r.server = server
}

func (r *rig) ready(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return r.conn.Ready(soon(t)) == nil }, patience, tick)
}

// stopServer returns after both connections have noticed.
func (r *rig) stopServer(t testing.TB) {
	t.Helper()
	before := r.log.Count("not connected to NATS")
	r.server.Stop()
	require.Eventually(t, func() bool {
		return r.log.Count("not connected to NATS") > before && !r.nc.IsConnected()
	}, patience, tick)
}

// send publishes with the plain connection.
func (r *rig) send(t testing.TB, subject, body string, headers ...string) *jetstream.PubAck {
	t.Helper()
	m := &nats.Msg{Subject: subject, Data: []byte(body), Header: nats.Header{}}
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	ack, err := r.js.PublishMsg(ctx(t), m)
	require.NoError(t, err)
	return ack
}

func (r *rig) stored(t testing.TB, name string) uint64 {
	t.Helper()
	found, err := r.js.Stream(ctx(t), name)
	require.NoError(t, err)
	return found.CachedInfo().State.Msgs
}

func (r *rig) message(t testing.TB, name string, sequence uint64) *jetstream.RawStreamMsg {
	t.Helper()
	found, err := r.js.Stream(ctx(t), name)
	require.NoError(t, err)
	m, err := found.GetMsg(ctx(t), sequence)
	require.NoError(t, err)
	return m
}

// consume runs Batches until the test ends, and returns a function that stops it earlier.
func (r *rig) consume(t testing.TB, consumer string, o stream.BatchOptions, handle stream.Handler) (stop func()) {
	t.Helper()
	running, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		defer close(done) // also when a require in the handler ends the goroutine
		done <- r.conn.ConsumeBatches(running, consumer, o, handle)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

func ctx(t testing.TB) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return c
}

// soon bounds a call that may wait for a response on a closed connection.
func soon(t testing.TB) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return c
}

func request(t testing.TB, id string) events.Event {
	t.Helper()
	event, err := events.Requested.New(events.Attributes{ID: id, Source: "/test"}, events.RequestData{Mode: events.Full})
	require.NoError(t, err)
	return event
}

func requests(t testing.TB, n int) []events.Event {
	t.Helper()
	all := make([]events.Event, n)
	for i := range all {
		all[i] = request(t, fmt.Sprintf("r-%d", i))
	}
	return all
}

// seen collects the reports of handlers, in order.
type seen[T any] struct {
	mu  sync.Mutex
	all []T
}

func (s *seen[T]) add(one T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, one)
}

func (s *seen[T]) list() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]T(nil), s.all...)
}

func (s *seen[T]) await(t testing.TB, n int) []T {
	t.Helper()
	enough := func() bool { return len(s.list()) >= n }
	if !assert.Eventually(t, enough, patience, tick) {
		require.Fail(t, "too few", "want %d, have %v", n, s.list())
	}
	return s.list()
}
