package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// box takes in events as JetStream would, once each, and delivers them.
type box struct {
	mu      sync.Mutex
	stored  []events.Event
	known   map[string]bool
	refuse  error
	readers []func(events.Message)
}

func (b *box) Publish(_ context.Context, event events.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	id := events.MsgID(event.Source(), event.ID())
	if b.known[id] {
		return nil
	}
	if b.known == nil {
		b.known = map[string]bool{}
	}
	b.known[id] = true
	b.stored = append(b.stored, event)
	return nil
}

func (b *box) Subscribe(_ context.Context, deliver func(events.Message)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers = append(b.readers, deliver)
	return b.refuse
}

func (b *box) tell(m events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, deliver := range b.readers {
		deliver(m)
	}
}

func (b *box) events() []events.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]events.Event(nil), b.stored...)
}

// book is a ledger that holds what the test put in.
type book struct {
	mu       sync.Mutex
	requests map[string]ledger.Receipt
	runs     []ledger.Run
	waiting  []ledger.Waiting
	states   []ledger.EntityState
	fail     error
	asked    []any
	looked   func() // called at each look for a request
}

func (b *book) Request(_ context.Context, id string) (ledger.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looked != nil {
		b.looked()
	}
	if b.fail != nil {
		return ledger.Receipt{}, b.fail
	}
	request, ok := b.requests[id]
	if !ok {
		return request, ledger.ErrUnknown
	}
	return request, nil
}

func (b *book) Workflow(_ context.Context, id string) (ledger.WorkflowState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ledger.WorkflowState{Known: id != "nosuch"}, b.fail
}

func (b *book) Runs(_ context.Context, limit int) ([]ledger.Run, error) {
	b.asked = append(b.asked, limit)
	return b.runs, b.fail
}

func (b *book) Unfinalized(context.Context) (open []ledger.Run, err error) {
	for _, r := range b.runs {
		if r.State == ledger.Running {
			open = append(open, r)
		}
	}
	return open, b.fail
}

func (b *book) Waiting(context.Context, string) ([]ledger.Waiting, error) { return b.waiting, b.fail }

func (b *book) States(_ context.Context, tenant string) ([]ledger.EntityState, error) {
	b.asked = append(b.asked, tenant)
	return b.states, b.fail
}

func (b *book) hold(id string, r ledger.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.requests == nil {
		b.requests = map[string]ledger.Receipt{}
	}
	b.requests[id] = r
}

// engine is a Temporal that holds what the test put in, and one schedule.
type engine struct {
	workflows []ledger.Workflow
	schedule  ledger.Schedule
	overlaps  bool
	fail      error
	asked     []any
}

func (e *engine) Workflows(_ context.Context, status string, size int, page string) ([]ledger.Workflow, string, error) {
	e.asked = append(e.asked, status, size, page)
	if page == "bad" {
		return nil, "", ledger.ErrPageToken
	}
	return e.workflows, "next", e.fail
}

func (e *engine) Workflow(_ context.Context, id string) (ledger.Workflow, error) {
	for _, w := range e.workflows {
		if w.WorkflowID == id {
			return w, e.fail
		}
	}
	return ledger.Workflow{}, cmp.Or(e.fail, ledger.ErrWorkflowNotFound)
}

func (e *engine) ListSchedules(context.Context) ([]ledger.Schedule, error) {
	return []ledger.Schedule{e.schedule}, e.fail
}

func (e *engine) PauseSchedule(_ context.Context, id, note string) error {
	return e.change(id, func() { e.schedule.Paused, e.schedule.Note = true, note })
}

func (e *engine) UnpauseSchedule(_ context.Context, id, note string) error {
	return e.change(id, func() { e.schedule.Paused, e.schedule.Note = false, note })
}

func (e *engine) TriggerSchedule(_ context.Context, id string) (string, error) {
	if e.overlaps {
		return "", ledger.ErrScheduleOverlap
	}
	return id + "-now", e.change(id, func() {})
}

func (e *engine) change(id string, how func()) error {
	if e.fail != nil || id != e.schedule.ScheduleID {
		return cmp.Or(e.fail, ledger.ErrScheduleNotFound)
	}
	how()
	return nil
}

// site is a gateway on a real listener.
type site struct {
	t      *testing.T
	gate   *Gateway
	url    string
	box    *box
	book   *book
	engine *engine
	log    *bytes.Buffer
}

func open(t *testing.T, change func(*Options)) *site {
	t.Helper()
	s := &site{t: t, box: &box{}, book: &book{}, log: &bytes.Buffer{}}
	s.engine = &engine{
		workflows: []ledger.Workflow{{WorkflowID: "full-sync-1", RunID: "r", Type: "FullSync", Status: "running", StartedAt: &today}},
		schedule: ledger.Schedule{
			ScheduleID: "lazisync-full-1001", TenantID: "1001", Mode: events.Full, Cron: "0 3 * * 0", Timezone: "UTC",
			NextRuns: []time.Time{today}, Running: []string{},
		},
	}
	o := Options{
		Publisher: s.box, Ledger: s.book, Temporal: s.engine, Subscribe: s.box.Subscribe,
		Tenants:  []string{"1001"},
		Entities: []string{"customers", "jobs", "invoices", "estimates"},
		Webhooks: Webhooks{Keys: map[string][]string{"1001": {testKey}}},
		Logger:   zerolog.New(zerolog.SyncWriter(s.log)),
		Now:      func() time.Time { return today },
	}
	if change != nil {
		change(&o)
	}
	g, err := New(o)
	require.NoError(t, err)
	server := httptest.NewServer(g.handler)
	t.Cleanup(server.Close)
	s.gate, s.url = g, server.URL
	return s
}

// serveWithin serves the same gateway with short limits, 0 for none.
func serveWithin(t *testing.T, s *site, read, write time.Duration) (addr string) {
	t.Helper()
	server := httptest.NewUnstartedServer(s.gate.handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = read, write
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

type answer struct {
	status int
	header http.Header
	body   string
}

// send makes one request; headers are pairs of name and value.
func (s *site) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewBufferString(body))
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, response.Header, string(got)}
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &value), a.body)
	return value
}

// isProblem checks that an answer is a problem document with a status and a detail.
func (a answer) isProblem(t *testing.T, status int, detail string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	document := a.json(t)
	require.EqualValues(t, status, document["status"])
	require.NotEmpty(t, document["title"])
	require.Contains(t, document["type"], "urn:lazisync:problem:")
	require.Contains(t, document["detail"], detail)
}
