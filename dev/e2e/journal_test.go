package e2e

import (
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

// receivedEvent is an event that a subscriber received.
type receivedEvent struct {
	on   string // the NATS subject
	at   time.Time
	data []byte // of the NATS message

	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject"`
	TraceParent string          `json:"traceparent"`
	Data        json.RawMessage `json:"data"`
}

// journal keeps every event of `nats sub 'sync.>'`.
type journal struct {
	mu      sync.Mutex
	all     []receivedEvent
	changed chan struct{} // closed and renewed at each event
}

func listen(t *testing.T, nc *nats.Conn) *journal {
	t.Helper()
	j := &journal{changed: make(chan struct{})}
	for _, subjects := range []string{"sync.>", "deadletter.>"} {
		sub, err := nc.Subscribe(subjects, j.note)
		require.NoError(t, err)
		require.NoError(t, sub.SetPendingLimits(-1, -1))
	}
	require.NoError(t, nc.Flush())
	return j
}

func (j *journal) note(m *nats.Msg) {
	if len(m.Data) == 0 {
		return // doctor checks its permission to publish
	}
	h := receivedEvent{}
	_ = json.Unmarshal(m.Data, &h) // a message without an event is kept unchanged
	h.on, h.at, h.data = m.Subject, time.Now(), m.Data
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, h)
	close(j.changed)
	j.changed = make(chan struct{})
}

// from returns the events after the first n, and a channel that is closed at the next one.
func (j *journal) from(n int) ([]receivedEvent, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all[n:], j.changed
}

// await waits for and returns the first event on a subject whose data matches.
func await[T any](t *testing.T, w *fixture, subject string, fits func(T) bool) (receivedEvent, T) {
	t.Helper()
	late := time.After(waitLimit)
	for next := 0; ; {
		news, changed := w.journal.from(next)
		for _, h := range news {
			if h.on != subject {
				continue
			}
			var data T
			require.NoError(t, json.Unmarshal(h.Data, &data), string(h.data))
			if fits(data) {
				return h, data
			}
		}
		next += len(news)
		select {
		case <-changed:
		case <-late:
			require.FailNow(t, "no such event on "+subject, "%d events were received", next)
		}
	}
}

// all returns the data of every event on a subject so far.
func all[T any](t *testing.T, w *fixture, subject string) (list []T) {
	t.Helper()
	news, _ := w.journal.from(0)
	for _, h := range news {
		if h.on != subject {
			continue
		}
		var data T
		require.NoError(t, json.Unmarshal(h.Data, &data), string(h.data))
		list = append(list, data)
	}
	return list
}

const testSource = "/e2e/tests"

// publish publishes as another program would, and returns when JetStream has acknowledged.
func (w *fixture) publish(t *testing.T, subject, body string, header ...string) {
	t.Helper()
	_, err := w.js.PublishMsg(t.Context(), message(subject, body, header...))
	require.NoError(t, err)
}

func message(subject, body string, header ...string) *nats.Msg {
	m := &nats.Msg{Subject: subject, Data: []byte(body), Header: nats.Header{}}
	for i := 0; i < len(header); i += 2 {
		m.Header.Set(header[i], header[i+1])
	}
	return m
}

// structured is a CloudEvent in structured mode.
func structured(subject, id, data string) string {
	text, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": testSource, "type": "com.lazi." + subject + ".v1",
		"datacontenttype": "application/json", "data": json.RawMessage(data),
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

var structuredHeader = []string{"Content-Type", "application/cloudevents+json"}

// request publishes a sync.requested and returns its request ID.
func (w *fixture) request(t *testing.T, data string) string {
	t.Helper()
	id := uuid.NewString()
	w.publish(t, "sync.requested", structured("sync.requested", id, data), structuredHeader...)
	return events.RequestID(testSource, id)
}

// control publishes a sync.control and returns its request ID.
func (w *fixture) control(t *testing.T, data string) string {
	t.Helper()
	id := uuid.NewString()
	w.publish(t, "sync.control", structured("sync.control", id, data), structuredHeader...)
	return events.RequestID(testSource, id)
}

// accepted waits for the sync.accepted of a command.
func (w *fixture) accepted(t *testing.T, requestID string) events.AcceptedData {
	t.Helper()
	_, data := await(t, w, "sync.accepted", func(d events.AcceptedData) bool { return d.RequestID == requestID })
	return data
}

// rejected waits for the sync.rejected of a command.
func (w *fixture) rejected(t *testing.T, fits func(events.RejectedData) bool) (receivedEvent, events.RejectedData) {
	t.Helper()
	return await(t, w, "sync.rejected", fits)
}

// completed waits for the sync.completed of a request. Another outcome fails the test.
func (w *fixture) completed(t *testing.T, requestID string) events.OutcomeData {
	t.Helper()
	return w.outcome(t, "sync.completed", requestID)
}

func (w *fixture) outcome(t *testing.T, subject, requestID string) events.OutcomeData {
	t.Helper()
	_, data := await(t, w, subject, func(d events.OutcomeData) bool { return names(d.RunData, requestID) })
	return data
}

// full publishes a request for a full sync and waits until it is completed.
func (w *fixture) full(t *testing.T) events.OutcomeData {
	t.Helper()
	return w.completed(t, w.request(t, `{"mode":"full"}`))
}

func names(run events.RunData, requestID string) bool {
	for _, r := range run.Requests {
		if r.RequestID == requestID {
			return true
		}
	}
	return false
}

// outcomes returns the outcomes so far.
func (w *fixture) outcomes(t *testing.T) (list []events.OutcomeData) {
	t.Helper()
	for _, subject := range []string{"sync.completed", "sync.failed", "sync.cancelled"} {
		list = append(list, all[events.OutcomeData](t, w, subject)...)
	}
	return list
}
