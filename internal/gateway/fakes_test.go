package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeStream is a stream in memory with subscribers.
type fakeStream struct {
	mu      sync.Mutex
	stored  memory.Stream
	refuse  error
	readers []func(events.Message)
}

func (b *fakeStream) Publish(ctx context.Context, event events.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	return (&memory.Publisher{Stream: &b.stored}).Publish(ctx, event)
}

func (b *fakeStream) Subscribe(_ context.Context, deliver func(events.Message)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers = append(b.readers, deliver)
	return b.refuse
}

func (b *fakeStream) deliver(m events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, deliver := range b.readers {
		deliver(m)
	}
}

func (b *fakeStream) events() []events.Event {
	return b.stored.Events()
}

// fakeLedger is a ledger with the content that the test sets.
type fakeLedger struct {
	mu        sync.Mutex
	requests  map[string]ledger.Receipt
	runs      []ledger.Run
	waiting   []ledger.Waiting
	states    []ledger.EntityState
	freshness []ledger.Freshness
	outages   []ledger.Outage
	rejected  []ledger.RejectedRecord
	newFields []ledger.NewField
	fail      error
	calls     []any
	looked    func() // called at each lookup of a request
}

func (b *fakeLedger) Request(_ context.Context, id string) (ledger.Receipt, error) {
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

func (b *fakeLedger) ListRequests(_ context.Context, f ledger.RequestFilter, limit int) ([]ledger.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, f, limit)
	if f.Before == "unknown" {
		return nil, ledger.ErrUnknown
	}
	found := slices.Collect(maps.Values(b.requests))
	return found[:min(limit, len(found))], b.fail
}

func (b *fakeLedger) Workflow(_ context.Context, id string) (ledger.WorkflowState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ledger.WorkflowState{Known: id != "nosuch"}, b.fail
}

func (b *fakeLedger) FindRuns(_ context.Context, f ledger.RunFilter, limit int) ([]ledger.Run, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, f, limit)
	return b.runs[:min(limit, len(b.runs))], b.fail
}

func (b *fakeLedger) RunHeader(_ context.Context, number int64) (ledger.Run, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.runs {
		if r.Number == number {
			return r, b.fail
		}
	}
	return ledger.Run{}, cmp.Or(b.fail, ledger.ErrUnknown)
}

func (b *fakeLedger) Runs(_ context.Context, limit int) ([]ledger.Run, error) {
	b.calls = append(b.calls, limit)
	return b.runs, b.fail
}

func (b *fakeLedger) Unfinalized(context.Context) (open []ledger.Run, err error) {
	for _, r := range b.runs {
		if r.State == ledger.Running {
			open = append(open, r)
		}
	}
	return open, b.fail
}

func (b *fakeLedger) Waiting(context.Context, events.TenantID) ([]ledger.Waiting, error) {
	return b.waiting, b.fail
}

func (b *fakeLedger) Freshness(context.Context) ([]ledger.Freshness, error) {
	return b.freshness, b.fail
}

func (b *fakeLedger) States(_ context.Context, tenant events.TenantID) ([]ledger.EntityState, error) {
	b.calls = append(b.calls, tenant)
	return b.states, b.fail
}

func (b *fakeLedger) CallSpans(context.Context, time.Time) ([]ledger.CallSpan, []ledger.CallBudget, error) {
	return []ledger.CallSpan{{TenantID: "1001", From: today.Add(-time.Hour), To: today.Add(-50 * time.Minute), Calls: 30}},
		[]ledger.CallBudget{{TenantID: "1001", Share: 0.5, SlowedAt: today}}, b.fail
}

func (b *fakeLedger) OpenOutages(context.Context) ([]ledger.Outage, error) {
	return b.outages, b.fail
}

func (b *fakeLedger) RejectedRecords(_ context.Context, f ledger.RejectedFilter, limit int) ([]ledger.RejectedRecord, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, f, limit)
	return b.rejected, b.fail
}

func (b *fakeLedger) NewFields(_ context.Context, tenant events.TenantID, entity string) ([]ledger.NewField, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, tenant, entity)
	return b.newFields, b.fail
}

func (b *fakeLedger) RejectedCounts(context.Context, time.Time) (counts []ledger.RejectedCount, err error) {
	for _, r := range b.rejected {
		counts = append(counts, ledger.RejectedCount{TenantID: r.TenantID, Entity: r.Entity, Records: 1, Run: r.Run, Latest: r.At})
	}
	return counts, b.fail
}

func (b *fakeLedger) hold(id string, r ledger.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.requests == nil {
		b.requests = map[string]ledger.Receipt{}
	}
	b.requests[id] = r
}

// fakeAudit is an audit trail in memory, whose numbers begin with 1.
type fakeAudit struct {
	mu      sync.Mutex
	entries []ledger.AuditEntry
	filters []ledger.AuditFilter
	fail    error
}

func (a *fakeAudit) RecordAction(_ context.Context, e ledger.AuditEntry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	e.Number = int64(len(a.entries) + 1)
	a.entries = append(a.entries, e)
	return nil
}

func (a *fakeAudit) Actions(_ context.Context, f ledger.AuditFilter, limit int) ([]ledger.AuditEntry, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.filters = append(a.filters, f)
	found := slices.Clone(a.entries)
	slices.Reverse(found)
	return found[:min(limit, len(found))], a.fail
}

// recorded returns all entries, without IDs.
func (a *fakeAudit) recorded() []ledger.AuditEntry {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := slices.Clone(a.entries)
	for i := range found {
		found[i].ID = ""
	}
	return found
}

func (a *fakeAudit) setFail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = err
}

// fakeTemporal is a Temporal with the content that the test sets, and one schedule.
type fakeTemporal struct {
	workflows []ledger.Workflow
	schedule  ledger.Schedule
	overlaps  bool
	noWorker  bool
	fail      error
	calls     []any
}

func (e *fakeTemporal) Workflows(_ context.Context, status string, size int, page string) ([]ledger.Workflow, string, error) {
	e.calls = append(e.calls, status, size, page)
	if page == "bad" {
		return nil, "", ledger.ErrPageToken
	}
	return e.workflows, "next", e.fail
}

func (e *fakeTemporal) Workflow(_ context.Context, id string) (ledger.Workflow, error) {
	for _, w := range e.workflows {
		if w.WorkflowID == id {
			return w, e.fail
		}
	}
	return ledger.Workflow{}, cmp.Or(e.fail, ledger.ErrWorkflowNotFound)
}

func (e *fakeTemporal) HasWorkers(context.Context) (bool, error) { return !e.noWorker, e.fail }

func (e *fakeTemporal) ListSchedules(context.Context) ([]ledger.Schedule, error) {
	return []ledger.Schedule{e.schedule}, e.fail
}

func (e *fakeTemporal) PauseSchedule(_ context.Context, id, note string) error {
	return e.change(id, func() { e.schedule.Paused, e.schedule.Note = true, note })
}

func (e *fakeTemporal) UnpauseSchedule(_ context.Context, id, note string) error {
	return e.change(id, func() { e.schedule.Paused, e.schedule.Note = false, note })
}

func (e *fakeTemporal) TriggerSchedule(_ context.Context, id string) (string, error) {
	if e.overlaps {
		return "", ledger.ErrScheduleOverlap
	}
	return id + "-now", e.change(id, func() {})
}

func (e *fakeTemporal) change(id string, how func()) error {
	if e.fail != nil || id != e.schedule.ScheduleID {
		return cmp.Or(e.fail, ledger.ErrScheduleNotFound)
	}
	how()
	return nil
}

// testServer is a gateway on a real listener.
type testServer struct {
	t            *testing.T
	gateway      *Gateway
	url          string
	fakeStream   *fakeStream
	fakeLedger   *fakeLedger
	fakeAudit    *fakeAudit
	fakeTemporal *fakeTemporal
	deadLetters  *fakeDeadLetters
	history      []events.Message
	log          *bytes.Buffer
}

func open(t *testing.T, change func(*Options)) *testServer {
	t.Helper()
	s := &testServer{t: t, fakeStream: &fakeStream{}, fakeLedger: &fakeLedger{}, fakeAudit: &fakeAudit{}, log: &bytes.Buffer{}}
	s.deadLetters = &fakeDeadLetters{list: []deadLetter{{RejectedMessage: events.RejectedMessage{
		Sequence: 7, At: today, Code: events.CodeInvalidData, Reason: `mode: got "ful", want full`, Attempts: 1,
		Message: events.Message{
			Subject: "sync.requested", Data: []byte(`{"mode":"ful"}`), Stream: "SYNC_COMMANDS", Sequence: 12, Stored: today,
		},
	}}}}
	s.fakeTemporal = &fakeTemporal{
		workflows: []ledger.Workflow{{WorkflowID: "full-sync-1", RunID: "r", Type: "FullSync", Status: "running", StartedAt: &today}},
		schedule: ledger.Schedule{
			ScheduleID: "lazisync-full-1001", TenantID: "1001", Mode: events.Full, Cron: "0 3 * * 0", Entities: []string{"customers", "jobs"}, Timezone: "UTC",
			NextRuns: []time.Time{today}, Running: []string{},
		},
	}
	o := Options{
		Publisher: s.fakeStream, Ledger: s.fakeLedger, Audit: s.fakeAudit, Temporal: s.fakeTemporal, Subscribe: s.fakeStream.Subscribe,
		DeadLetters: s.deadLetters, Handlings: s.deadLetters, RequestsPerSecond: map[events.TenantID]float64{"1001": 50},
		History: func(_ context.Context, _ []string, _ time.Time, _ int, fn func(events.Message) bool) error {
			for _, m := range s.history {
				if !fn(m) {
					break
				}
			}
			return nil
		},
		Tenants:  []events.TenantID{"1001"},
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
	s.gateway, s.url = g, testserver.Start(t, g.handler)
	return s
}

// serveWithin serves the same gateway with short timeouts, 0 for none.
func serveWithin(t *testing.T, s *testServer, read, write time.Duration) (addr string) {
	t.Helper()
	return testserver.Serve(t, &http.Server{Handler: s.gateway.handler, ReadTimeout: read, WriteTimeout: write})
}

type answer struct {
	status int
	header http.Header
	body   string
}

// send makes a request; headers are pairs of name and value.
func (s *testServer) send(method, path, body string, headers ...string) answer {
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

// isProblem requires a problem document with a status and a detail.
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
