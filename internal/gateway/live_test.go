package gateway

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func progress(t *testing.T, records int64) events.Message {
	t.Helper()
	event, err := events.Progress.New(events.Attributes{ID: "1", Source: "/lazisync"}, events.ProgressData{
		RunData: events.RunData{TenantID: "1001", Mode: events.Full, WorkflowID: "w", RunID: "r", RunNumber: 1},
		Entity:  "jobs", Phase: events.PhaseReading, Records: records,
	})
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return events.Message{Subject: events.Progress.Subject, Header: events.Header(event), Data: encoded}
}

// follow opens the event stream of a server and returns its lines.
func follow(ctx context.Context, t *testing.T, url string) *bufio.Scanner {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/events", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	require.True(t, lines.Scan())
	require.Equal(t, ": connected", lines.Text())
	return lines
}

func next(t *testing.T, lines *bufio.Scanner, prefix string) string {
	t.Helper()
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			return rest
		}
	}
	require.Fail(t, "the stream ended", "%v", lines.Err())
	return ""
}

func TestStreamEvents(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	lines := follow(t.Context(), t, s.url)
	s.fakeStream.deliver(events.Message{Subject: "sync.requested", Data: []byte("not an event")})
	s.fakeStream.deliver(progress(t, 500))
	s.fakeStream.deliver(events.Message{Subject: "sync.requested", Stream: "S", Sequence: 1, Data: []byte("{\n \"mode\":\n\"full\"}")})

	require.Equal(t, "sync.progress", next(t, lines, "event: "))
	event, err := events.Decode(events.Message{Subject: "sync.progress", Data: []byte(next(t, lines, "data: "))})
	require.NoError(t, err)
	data, err := events.Progress.Data(event)
	require.NoError(t, err)
	require.EqualValues(t, 500, data.Records)
	require.Equal(t, "sync.requested", next(t, lines, "event: "))
	require.Contains(t, next(t, lines, "data: "), `"data":{"mode":"full"}`, "always one line")
}

// The timeouts of the server do not apply to streams.
func TestStreamIsExemptFromTimeouts(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	limit := 500 * time.Millisecond // in which a busy machine sends and reads a request
	lines := follow(t.Context(), t, "http://"+serveWithin(t, s, limit, limit))
	passed := time.After(4 * limit)
	<-passed
	s.fakeStream.deliver(progress(t, 1))
	require.Equal(t, "sync.progress", next(t, lines, "event: "))
}

func TestStreamOfASlowClientEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := &eventStream{frames: make(chan []byte, 2), cancel: cancel}
	for range 2 {
		s.deliver(progress(t, 1))
	}
	require.NoError(t, ctx.Err())
	s.deliver(progress(t, 1))
	require.ErrorIs(t, ctx.Err(), context.Canceled)
}

func TestNumberOfStreamsIsLimited(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	for range maxStreams {
		s.gateway.streams <- struct{}{}
	}
	s.send(http.MethodGet, "/api/events", "").isProblem(t, 503, "open event streams is reached")
	<-s.gateway.streams
	follow(ctx, t, s.url)
	s.send(http.MethodGet, "/api/events", "").isProblem(t, 503, "open event streams is reached")
	cancel()
	require.Eventually(t, func() bool { return len(s.gateway.streams) == maxStreams-1 }, time.Minute, 5*time.Millisecond)
}

func TestStreamWithoutEvents(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeStream.refuse = errors.New("stream missing")
	s.send(http.MethodGet, "/api/events", "").isProblem(t, 503, "live events are unavailable")
}

func TestServeFinishesRequestsAtShutdown(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.gateway.Serve(ctx, listener) }()
	url := "http://" + listener.Addr().String()
	lines := follow(t.Context(), t, url)
	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute): // after shutdownTimeout it stops with an error
		require.Fail(t, "an open event stream keeps the gateway from stopping")
	}
	for lines.Scan() {
		require.NotContains(t, lines.Text(), "event:")
	}
	_, err = http.Get(url + "/healthz")
	require.Error(t, err)
}

func TestServeReportsThatItCannotListen(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.ErrorContains(t, open(t, nil).gateway.Serve(t.Context(), listener), "serve HTTP on 127.0.0.1:")
}

// A probe sends HEAD repeatedly over one connection: the handler must return.
func TestHeadOfTheEventStreamEnds(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for range 2 {
		got := s.send(http.MethodHead, "/api/events", "")
		require.Equal(t, 200, got.status)
		require.Equal(t, streamType, got.header.Get("Content-Type"))
	}
	require.Empty(t, s.gateway.streams)
	require.Empty(t, s.fakeStream.readers, "nothing is subscribed")
}
