package gatewaytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

const patience = time.Minute

// answer is what a delivery was answered.
type answer struct {
	status     int
	retryAfter string
	requestID  string
}

// hook delivers a webhook with a number of its own.
func (r *rig) hook(client *http.Client, number int) (a answer, err error) {
	body := fmt.Sprintf(`{"eventType":"job.updated","id":%d}`, number)
	request, err := http.NewRequest(http.MethodPost, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(header, sign([]byte(body)))
	response, err := client.Do(request)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return a, err
	}
	var content struct{ RequestID string }
	err = json.Unmarshal(text, &content)
	return answer{response.StatusCode, response.Header.Get("Retry-After"), content.RequestID}, err
}

func (r *rig) mustHook(t *testing.T, number int) answer {
	t.Helper()
	a, err := r.hook(http.DefaultClient, number)
	require.NoError(t, err)
	return a
}

func (r *rig) jetstream(t *testing.T) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(r.server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestFullStreamAnswers503(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	commands, err := r.jetstream(t).Stream(t.Context(), stream.StreamCommands)
	require.NoError(t, err)
	small := commands.CachedInfo().Config
	small.MaxBytes = 4 << 10
	_, err = r.jetstream(t).UpdateStream(t.Context(), small)
	require.NoError(t, err)

	stored, refused := 0, answer{}
	for i := 0; refused.status == 0; i++ {
		require.Less(t, i, 100, "4 KiB are full soon")
		switch a := r.mustHook(t, i); a.status {
		case http.StatusOK:
			stored++
		default:
			refused = a
		}
	}
	require.Equal(t, answer{http.StatusServiceUnavailable, "10", ""}, refused)
	info, err := commands.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, stored, info.State.Msgs)

	small.MaxBytes = 1 << 20
	_, err = r.jetstream(t).UpdateStream(t.Context(), small)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.mustHook(t, 1000).status, "as soon as there is room")
}

// Whatever was answered with 200 is in the stream, also when NATS dies in between; and
// requests while it was unavailable get a 503.
func TestAcceptedWebhooksAreStoredAcrossANATSCrash(t *testing.T) {
	t.Parallel()
	o := natsserver.Options{Dir: t.TempDir(), Log: zerolog.Nop()}
	r := newRigAt(t, o)
	address, err := url.Parse(r.server.URL())
	require.NoError(t, err)
	o.Port, err = strconv.Atoi(address.Port())
	require.NoError(t, err)

	var mu sync.Mutex
	taken, refused := map[string]bool{}, 0
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			// With a shared client, a connection that is opened for one request may stay unused until
			// the gateway closes it (ReadHeaderTimeout), just when another request is sent on it.
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				a, err := r.hook(client, sender*1_000_000+i)
				mu.Lock()
				switch {
				case err == nil && a.status == http.StatusOK:
					taken[a.requestID] = true
				case err == nil && a.status == http.StatusServiceUnavailable && a.retryAfter == "10":
					refused++
				default:
					t.Errorf("answered %+v: %v", a, err)
				}
				mu.Unlock()
			}
		})
	}
	count := func() (int, int) {
		mu.Lock()
		defer mu.Unlock()
		return len(taken), refused
	}
	require.Eventually(t, func() bool { n, _ := count(); return n > 200 }, patience, time.Millisecond)
	r.server.Stop()
	require.Eventually(t, func() bool { _, n := count(); return n > 0 }, patience, time.Millisecond)
	r.server, err = natsserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(r.server.Stop)
	before, _ := count()
	require.Eventually(t, func() bool { n, _ := count(); return n > before+200 }, patience, time.Millisecond)
	close(stop)
	senders.Wait()

	commands, err := r.jetstream(t).Stream(t.Context(), stream.StreamCommands)
	require.NoError(t, err)
	state := commands.CachedInfo().State
	for sequence := state.FirstSeq; sequence <= state.LastSeq; sequence++ {
		m, err := commands.GetMsg(t.Context(), sequence)
		require.NoError(t, err)
		event, err := events.Decode(events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
		require.NoError(t, err)
		delete(taken, events.RequestID(event.Source(), event.ID()))
	}
	require.Empty(t, taken, "taken and not stored")
}
