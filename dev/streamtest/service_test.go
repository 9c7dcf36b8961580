package streamtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// serve answers requests until stop is called, which returns the error of Serve.
func serve(t *testing.T, r *rig, conn *stream.Conn, endpoints ...stream.Endpoint) (stop func() error) {
	t.Helper()
	serving, cancel := context.WithCancel(ctx(t))
	stopped := make(chan error, 1)
	before := len(services(t, r))
	go func() { stopped <- conn.Serve(serving, "v1.2.3", endpoints...) }()
	require.Eventually(t, func() bool {
		list := services(t, r)
		return len(list) == before+1 && len(list[before].Endpoints) == len(endpoints)
	}, patience, tick)
	return func() error { cancel(); return <-stopped }
}

// services returns what `nats micro ls` lists.
func services(t *testing.T, r *rig) (list []micro.Info) {
	t.Helper()
	inbox := r.nc.NewInbox()
	sub, err := r.nc.SubscribeSync(inbox)
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Unsubscribe()) }()
	require.NoError(t, r.nc.PublishRequest("$SRV.INFO", inbox, nil))
	require.NoError(t, r.nc.Flush())
	for {
		m, err := sub.NextMsg(20 * tick)
		if err != nil || len(m.Data) == 0 { // no responders
			return list
		}
		var info micro.Info
		require.NoError(t, json.Unmarshal(m.Data, &info))
		list = append(list, info)
	}
}

func TestServiceAnswersRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := serve(t, r, r.conn,
		stream.Endpoint{Name: "echo", Description: "returns the data", Handle: func(_ context.Context, m events.Message) (int, string, []byte) {
			return 200, "", []byte(m.Subject + " " + m.Header["Wait"][0] + " " + string(m.Data))
		}},
		stream.Endpoint{Name: "refuse", Handle: func(context.Context, events.Message) (int, string, []byte) {
			return 422, "mode: got \"x\",\nwant full", []byte(`{"status":422}`)
		}},
	)
	var info micro.Info
	require.Eventually(t, func() bool { // a busy service may answer late
		list := services(t, r)
		if len(list) == 1 {
			info = list[0]
		}
		return len(list) == 1
	}, patience, tick)
	require.Equal(t, "lazisync", info.Name)
	require.Equal(t, "1.2.3", info.Version)
	require.Equal(t, "lazisync.echo", info.Endpoints[0].Subject)
	require.Equal(t, "returns the data", info.Endpoints[0].Metadata["description"])

	echo := nats.NewMsg("lazisync.echo")
	echo.Data = []byte("hello")
	echo.Header.Set("Wait", "1s")
	answer, err := r.nc.RequestMsgWithContext(ctx(t), echo)
	require.NoError(t, err)
	require.Equal(t, "lazisync.echo 1s hello", string(answer.Data))
	answer, err = r.nc.RequestWithContext(ctx(t), "lazisync.refuse", nil)
	require.NoError(t, err)
	require.Equal(t, "422", answer.Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, `mode: got "x", want full`, answer.Header.Get(micro.ErrorHeader))
	require.JSONEq(t, `{"status":422}`, string(answer.Data))

	require.NoError(t, stop())
	_, err = r.nc.RequestWithContext(ctx(t), "lazisync.echo", nil)
	require.ErrorIs(t, err, nats.ErrNoResponders)
}

// The race detector finds an answer that shares memory with package micro.
func TestServiceAnswersManyErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := serve(t, r, r.conn, stream.Endpoint{Name: "refuse", Handle: func(context.Context, events.Message) (int, string, []byte) {
		return 422, "refused", nil
	}})
	for range 200 {
		answer, err := r.nc.RequestWithContext(ctx(t), "lazisync.refuse", nil)
		require.NoError(t, err)
		require.Equal(t, "422", answer.Header.Get(micro.ErrorCodeHeader))
	}
	require.NoError(t, r.nc.Publish("lazisync.refuse", nil))
	require.Eventually(t, func() bool {
		return strings.Contains(r.log.String(), "request over NATS not answered")
	}, patience, tick)
	require.NoError(t, stop())
}

// Two processes share the requests, and one that stops answers what it received before.
func TestServiceFinishesRequestsWhenItStops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	begun, release := make(chan struct{}), make(chan struct{})
	stop := serve(t, r, r.conn, stream.Endpoint{Name: "wait", Handle: func(ctx context.Context, _ events.Message) (int, string, []byte) {
		close(begun)
		<-release
		return 200, "", fmt.Append(nil, "done ", ctx.Err())
	}})
	answered := make(chan string, 1)
	go func() {
		m, err := r.nc.RequestWithContext(ctx(t), "lazisync.wait", nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		answered <- string(m.Data)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	require.Eventually(t, func() bool { return len(services(t, r)) == 0 }, patience, tick)
	other := connect(t, r.server.URL(), r.log)
	stopOther := serve(t, r, other, stream.Endpoint{Name: "wait", Handle: func(context.Context, events.Message) (int, string, []byte) {
		return 200, "", []byte("other")
	}})
	m, err := r.nc.RequestWithContext(ctx(t), "lazisync.wait", nil)
	require.NoError(t, err)
	require.Equal(t, "other", string(m.Data))
	close(release)
	require.Equal(t, "done <nil>", <-answered)
	require.NoError(t, <-stopped)
	require.NoError(t, stopOther())
}

// A service stops although the server does not respond and the client has not noticed yet.
func TestServiceStopsWhileTheServerDoesNotRespond(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	address := strings.TrimPrefix(r.server.URL(), "nats://")
	between := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "frozen", "127.0.0.1:0", address)
	require.NoError(t, between.Start())
	t.Cleanup(between.Stop)
	stop := serve(t, r, connect(t, "nats://"+between.Listen, r.log), stream.Endpoint{Name: "echo", Handle: func(context.Context, events.Message) (int, string, []byte) {
		return 200, "", nil
	}})
	_, err := between.Toxics.AddToxicJson(strings.NewReader(`{"name":"frozen","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`))
	require.NoError(t, err)
	require.NoError(t, stop())
}
