package notify

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

var ended = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func outcomeData() events.OutcomeData {
	return events.OutcomeData{
		RunData: events.RunData{
			TenantID: "1001", Mode: events.Full, WorkflowID: "full-sync-0123456789abcdef0123", RunID: "r1", RunNumber: 42,
			Entities: []string{"customers", "jobs"},
			Requests: []events.RequestRef{{RequestID: "0123456789abcdef0123", Source: "/test", ID: "a"}},
		},
		StartedAt: ended.Add(-134 * time.Second), FinishedAt: ended,
		Results: []events.Result{
			{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 20, Fetched: 100000, Inserted: 1234, Unchanged: 98766}},
			{Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Pages: 1, Fetched: 1, Updated: 1}},
		},
		Notify: []string{"#sync-alerts"},
	}
}

func rejectedData() events.RejectedData {
	return events.RejectedData{
		Kind: events.KindRequest, RequestID: "0123456789abcdef0123", Event: &events.EventRef{Source: "/billing", ID: "order-4711"},
		Subject: "sync.requested", Code: events.CodeUnknownEntity,
		Reason:     `entities[0]: got "custmers", want a known entity (did you mean customers?)`,
		Errors:     []events.FieldError{{Path: "entities[0]", Got: `"custmers"`, Want: "a known entity (did you mean customers?)"}},
		DeadLetter: events.DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 12},
	}
}

// delivery is one event and a record of how it was settled.
type delivery struct {
	message    events.Message
	deliveries uint64
	settleErr  error
	settled    []string
}

func (d *delivery) Event() events.Message                       { return d.message }
func (d *delivery) Deliveries() uint64                          { return max(1, d.deliveries) }
func (d *delivery) Context(ctx context.Context) context.Context { return ctx }
func (d *delivery) Ack(context.Context) error {
	d.settled = append(d.settled, "ack")
	return d.settleErr
}

func (d *delivery) Retry(delay time.Duration) error {
	d.settled = append(d.settled, "retry in "+delay.String())
	return d.settleErr
}

func (d *delivery) Term(reason string) error {
	d.settled = append(d.settled, "term: "+reason)
	return d.settleErr
}

func (d *delivery) DeadLetter(_ context.Context, why events.Rejection) error {
	d.settled = append(d.settled, "park: "+why.Reason)
	return d.settleErr
}

func deliver(t *testing.T, kind events.Type[events.OutcomeData], data events.OutcomeData) *delivery {
	t.Helper()
	event, err := kind.New(events.Attributes{
		ID: "42/" + kind.Name, Source: "/lazisync", Subject: data.WorkflowID, Time: data.FinishedAt,
	}, data)
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return &delivery{message: events.Message{
		Subject: kind.Subject, Header: events.Header(event), Data: encoded,
		Stream: "SYNC_EVENTS", Sequence: 7, Stored: ended,
	}}
}

// fakeSender records what it sends and fails as configured.
type fakeSender struct {
	sent     []Notification
	messages []int // how many notifications each was about
	fail     map[string]error
}

func (p *fakeSender) Send(_ context.Context, list []Notification) error {
	p.messages = append(p.messages, len(list))
	p.sent = append(p.sent, list...)
	return p.fail[list[0].To]
}

func (p *fakeSender) names() []string {
	var names []string
	for _, n := range p.sent {
		names = append(names, n.To)
	}
	return names
}

func notifier(p *fakeSender, now time.Time) *Notifier {
	return New(Options{Sender: p, Alerts: "#ops", Logger: zerolog.Nop(), Now: func() time.Time { return now }})
}

func one(d *delivery) []Delivery { return []Delivery{d} }

func TestHandleSendsToTheChannelsOfTheEvent(t *testing.T) {
	t.Parallel()
	kinds := map[Outcome]events.Type[events.OutcomeData]{
		Completed: events.Completed, Failed: events.Failed, Cancelled: events.Cancelled,
	}
	for outcome, kind := range kinds {
		for _, names := range [][]string{nil, {"#sync-alerts"}, {"#a", "#b", "#c"}} {
			data := outcomeData()
			data.Notify = names
			p := &fakeSender{}
			d := deliver(t, kind, data)
			require.NoError(t, notifier(p, ended.Add(time.Minute)).Handle(t.Context(), one(d)))
			require.Equal(t, []string{"ack"}, d.settled)
			require.Equal(t, names, p.names())
			for _, n := range p.sent {
				require.Equal(t, outcome, n.Outcome)
				require.Equal(t, ended, n.At)
				require.Zero(t, n.Times)
				require.Equal(t, "42/"+kind.Name, n.EventID)
				require.Equal(t, data.Results, n.Run.Results)
			}
		}
	}
}

func TestHandleSettles(t *testing.T) {
	t.Parallel()
	permanent := &Error{To: "#a", Status: 404, Text: "channel_not_found", Permanent: true}
	for name, c := range map[string]struct {
		fail       map[string]error
		deliveries uint64
		want       string
	}{
		"sent":                          {nil, 1, "ack"},
		"Slack says when":               {map[string]error{"#a": &Error{After: 37 * time.Second}}, 3, "retry in 37s"},
		"Slack does not say":            {map[string]error{"#a": &Error{Status: 500}}, 1, "retry in 1s"},
		"the fourth time":               {map[string]error{"#a": &Error{Status: 500}}, 4, "retry in 8s"},
		"the thousandth time":           {map[string]error{"#a": &Error{Status: 500}}, 1000, "retry in 5m0s"},
		"an unknown error":              {map[string]error{"#a": errors.New("odd")}, 2, "retry in 2s"},
		"never":                         {map[string]error{"#a": permanent}, 1, "term: " + permanent.Error()},
		"one never, another later":      {map[string]error{"#a": permanent, "#b": &Error{After: 5 * time.Second}}, 1, "retry in 5s"},
		"one later, another never":      {map[string]error{"#b": permanent, "#a": &Error{After: 5 * time.Second}}, 1, "retry in 5s"},
		"one never, the others reached": {map[string]error{"#b": permanent}, 1, "term: " + permanent.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := outcomeData()
			data.Notify = []string{"#a", "#b"}
			p := &fakeSender{fail: c.fail}
			d := deliver(t, events.Failed, data)
			d.deliveries = c.deliveries
			require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)))
			require.Equal(t, []string{c.want}, d.settled)
			require.Equal(t, []string{"#a", "#b"}, p.names(), "one channel's trouble is not another's")
		})
	}
}

func TestRedeliveryNotifiesOnlyTheMissingChannels(t *testing.T) {
	t.Parallel()
	data := outcomeData()
	data.Notify = []string{"#sent", "#later", "#gone"}
	p := &fakeSender{fail: map[string]error{"#later": &Error{Status: 503}, "#gone": &Error{Status: 410, Permanent: true}}}
	n := notifier(p, ended)
	d := deliver(t, events.Completed, data)
	require.NoError(t, n.Handle(t.Context(), one(d)))
	p.fail, p.sent = nil, nil
	require.NoError(t, n.Handle(t.Context(), one(d)))
	require.Equal(t, []string{"#later"}, p.names())
	require.Equal(t, []string{"retry in 1s", "ack"}, d.settled)
}

func TestHandleEventsWithoutNotifications(t *testing.T) {
	t.Parallel()
	started, err := events.Started.New(events.Attributes{ID: "1", Source: "/lazisync"}, events.StartedData{RunData: outcomeData().RunData})
	require.NoError(t, err)
	encoded, err := events.Encode(started)
	require.NoError(t, err)
	secondPart := outcomeData()
	secondPart.Part, secondPart.Parts = 2, 3

	for name, c := range map[string]struct {
		d    *delivery
		want string
	}{
		"another event":   {&delivery{message: events.Message{Subject: "sync.started", Header: events.Header(started), Data: encoded}}, "ack"},
		"a later part":    {deliver(t, events.Completed, secondPart), "ack"},
		"not JSON":        {&delivery{message: events.Message{Subject: "sync.failed", Data: []byte("boom")}}, "park: "},
		"not an event":    {&delivery{message: events.Message{Subject: "sync.failed", Data: []byte(`{"a":1}`)}}, "park: "},
		"unknown subject": {&delivery{message: events.Message{Subject: "elsewhere", Data: encoded}}, "park: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &fakeSender{}
			require.NoError(t, notifier(p, ended).Handle(t.Context(), one(c.d)))
			require.Empty(t, p.sent)
			require.Len(t, c.d.settled, 1)
			require.Contains(t, c.d.settled[0], c.want)
		})
	}
}

func TestHandleSendsOldEvents(t *testing.T) {
	t.Parallel()
	p := &fakeSender{}
	d := deliver(t, events.Failed, outcomeData())
	d.message.Stored = ended.Add(3 * time.Hour)
	require.NoError(t, notifier(p, ended.Add(50*time.Hour)).Handle(t.Context(), one(d)))
	require.Equal(t, []string{"ack"}, d.settled)
	require.Equal(t, ended, p.sent[0].At)
}

func TestHandleReportsThatSettlingFailed(t *testing.T) {
	t.Parallel()
	d := deliver(t, events.Completed, outcomeData())
	d.settleErr = errors.New("connection closed")
	require.EqualError(t, notifier(&fakeSender{}, ended).Handle(t.Context(), one(d)), "settle event: connection closed")
}

func TestDeliveredIsBounded(t *testing.T) {
	t.Parallel()
	var m delivered
	for i := range 3 * maxDelivered {
		m.add(time.Duration(i).String(), "#a")
	}
	require.Len(t, m.known, maxDelivered)
	require.Len(t, m.order, maxDelivered)
}

func TestHandleSendsRejectedCommands(t *testing.T) {
	t.Parallel()
	p := &fakeSender{}
	d := rejection(t, "1", rejectedData())
	require.NoError(t, notifier(p, ended).Handle(t.Context(), one(d)))
	require.Equal(t, []string{"ack"}, d.settled)
	require.Equal(t, []string{"#ops"}, p.names())
	require.Equal(t, Rejected, p.sent[0].Outcome)
	require.Equal(t, rejectedData(), p.sent[0].Command)
}

func rejection(t *testing.T, id string, data events.RejectedData) *delivery {
	t.Helper()
	event, err := events.Rejected.New(events.Attributes{ID: id + "/rejected", Source: "/lazisync", Time: ended}, data)
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return &delivery{message: events.Message{Subject: "sync.rejected", Header: events.Header(event), Data: encoded, Stored: ended}}
}

// Late or numerous notifications are sent as one message per channel.
func TestHandleSendsADigest(t *testing.T) {
	t.Parallel()
	pile := func(n int, at time.Time) (batch []Delivery) {
		for i := range n {
			data := outcomeData()
			data.FinishedAt = at
			data.RunNumber = int64(i + 1)
			data.Notify = []string{"#a", "#b"}[i%2:]
			batch = append(batch, deliver(t, events.Completed, data))
		}
		return batch
	}
	for name, c := range map[string]struct {
		batch    []Delivery
		messages []int
	}{
		"fresh and few":  {pile(3, ended), []int{1, 1, 1, 1, 1}}, // two to #a, three to #b
		"fresh and many": {pile(20, ended), []int{10, 20}},
		"old":            {pile(3, ended.Add(-2*time.Hour)), []int{2, 3}},
		"one old":        {pile(1, ended.Add(-2*time.Hour)), []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &fakeSender{}
			require.NoError(t, notifier(p, ended).Handle(t.Context(), c.batch))
			slices.Sort(p.messages)
			require.Equal(t, c.messages, p.messages)
			for _, d := range c.batch {
				require.Equal(t, []string{"ack"}, d.(*delivery).settled)
			}
		})
	}
	failing := &fakeSender{fail: map[string]error{"#b": &Error{After: time.Minute}}}
	batch := pile(20, ended)
	require.NoError(t, notifier(failing, ended).Handle(t.Context(), batch))
	require.Len(t, failing.messages, 2)
	for _, d := range batch {
		require.Equal(t, []string{"retry in 1m0s"}, d.(*delivery).settled, "all are redelivered at the same time")
	}
}

// What any channel receives, the copies receive too: once, and nothing else.
func TestHandleSendsCopies(t *testing.T) {
	t.Parallel()
	silent, named, twice := outcomeData(), outcomeData(), outcomeData()
	silent.Notify, twice.Notify = nil, []string{"#a", "webhook"}
	for name, c := range map[string]struct {
		d    *delivery
		want []string
	}{
		"an outcome":                  {deliver(t, events.Completed, named), []string{"#sync-alerts", "webhook"}},
		"an outcome that names it":    {deliver(t, events.Failed, twice), []string{"#a", "webhook"}},
		"an outcome without channels": {deliver(t, events.Completed, silent), nil},
		"a rejected command":          {rejection(t, "1", rejectedData()), []string{"#ops", "webhook"}},
	} {
		chat, hook := &fakeSender{}, &fakeSender{}
		n := New(Options{
			Sender: Senders{Default: chat, Named: map[string]Sender{"webhook": hook}}, Copies: []string{"webhook"},
			Alerts: "#ops", Logger: zerolog.Nop(), Now: func() time.Time { return ended },
		})
		require.NoError(t, n.Handle(t.Context(), one(c.d)), name)
		require.Equal(t, c.want, append(chat.names(), hook.names()...), name)
		require.NotContains(t, chat.names(), "webhook", name)
	}
}
