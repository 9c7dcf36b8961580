package notify

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// rig is a Notifier with a fake clock and a fake sender.
type rig struct {
	*Notifier
	sender   *fakeSender
	clock    time.Time
	observed map[string]int
	runs     int64
}

func newRig() *rig {
	d := &rig{sender: &fakeSender{}, clock: ended, observed: map[string]int{}}
	d.Notifier = New(Options{
		Sender: d.sender, Alerts: "#ops", Window: time.Hour, Logger: zerolog.Nop(),
		OnResult: func(_, result string) { d.observed[result]++ }, Now: func() time.Time { return d.clock },
	})
	return d
}

// failing is the outcome of another run that failed now.
func (d *rig) failing(t *testing.T, kind events.ErrorType, entity string) *delivery {
	t.Helper()
	d.runs++
	data := outcomeData()
	data.RunNumber, data.FinishedAt = d.runs, d.clock
	data.Results = []events.Result{{Entity: entity, Status: events.StatusFailed, Error: &events.RunError{Type: kind, Message: "at " + d.clock.String()}}}
	event, err := events.Failed.New(events.Attributes{
		ID: fmt.Sprintf("%d/failed", d.runs), Source: "/lazisync", Subject: data.WorkflowID, Time: d.clock,
	}, data)
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return &delivery{message: events.Message{Subject: "sync.failed", Header: events.Header(event), Data: encoded}}
}

// handle passes deliveries to the Notifier. It returns what was sent and how each was settled.
func (d *rig) handle(t *testing.T, batch ...*delivery) (sent []Notification, settled []string) {
	t.Helper()
	before := len(d.sender.sent)
	var list []Delivery
	for _, one := range batch {
		list = append(list, one)
	}
	require.NoError(t, d.Handle(t.Context(), list))
	for _, one := range batch {
		settled = append(settled, one.settled[len(one.settled)-1])
	}
	return slices.Clone(d.sender.sent[before:]), settled
}

func TestARepeatedFailureIsSentOncePerWindowWithItsCount(t *testing.T) {
	t.Parallel()
	d := newRig()
	sent, settled := d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Len(t, sent, 1, "the first is sent")
	require.Zero(t, sent[0].Times)
	require.Equal(t, []string{"ack"}, settled)

	d.clock = d.clock.Add(15 * time.Minute)
	reminder := d.failing(t, events.APIError, "jobs")
	sent, settled = d.handle(t, reminder)
	require.Empty(t, sent)
	require.Equal(t, []string{"retry in 45m0s"}, settled, "the first repetition is the reminder")

	for range 3 {
		d.clock = d.clock.Add(10 * time.Minute)
		sent, settled = d.handle(t, d.failing(t, events.APIError, "jobs"))
		require.Empty(t, sent)
		require.Equal(t, []string{"ack"}, settled, "the others are counted")
	}
	sent, settled = d.handle(t, reminder)
	require.Empty(t, sent, "redelivered too early, as after a restart of NATS")
	require.Equal(t, []string{"retry in 15m0s"}, settled)

	d.clock = d.clock.Add(15 * time.Minute)
	sent, settled = d.handle(t, reminder)
	require.Equal(t, []string{"ack"}, settled)
	require.Len(t, sent, 1)
	require.Equal(t, 4, sent[0].Times)
	require.Equal(t, ended, sent[0].Since)
	require.EqualValues(t, 5, sent[0].Run.RunNumber, "the details are those of the latest")
	require.Equal(t, map[string]int{Sent: 2, Grouped: 4}, d.observed)

	_, settled = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Equal(t, []string{"retry in 1h0m0s"}, settled, "a new window")
	d.clock = d.clock.Add(25 * time.Hour)
	sent, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Equal(t, 2, sent[0].Times)
}

func TestOtherNewsIsNotGrouped(t *testing.T) {
	t.Parallel()
	d := newRig()
	first := d.failing(t, events.APIError, "jobs")
	completed := deliver(t, events.Completed, outcomeData())
	again := deliver(t, events.Completed, outcomeData())
	again.message = deliver(t, events.Cancelled, outcomeData()).message
	sent, _ := d.handle(t, first, d.failing(t, events.StoreError, "jobs"), d.failing(t, events.APIError, "customers"), completed, again)
	require.Len(t, sent, 5)
	sent, settled := d.handle(t, first)
	require.Empty(t, sent)
	require.Equal(t, []string{"ack"}, settled, "a redelivery is not a repetition")
	d.clock = d.clock.Add(time.Hour)
	sent, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Zero(t, sent[0].Times, "after a window without a repetition the failure is new")
}

func TestARepeatedFailureInOneBatchIsOneMessage(t *testing.T) {
	t.Parallel()
	d := newRig()
	batch := make([]*delivery, 50)
	for i := range batch {
		batch[i] = rejection(t, fmt.Sprint(i), rejectedData())
	}
	d.sender.fail = map[string]error{"#ops": &Error{Status: 503, After: time.Minute}}
	sent, settled := d.handle(t, batch...)
	require.Len(t, sent, 1)
	require.Equal(t, slices.Repeat([]string{"retry in 1m0s"}, 50), settled)

	d.sender.fail = nil
	sent, settled = d.handle(t, batch...)
	require.Len(t, sent, 1)
	require.Equal(t, 50, sent[0].Times)
	require.Equal(t, slices.Repeat([]string{"ack"}, 50), settled)

	sent, settled = d.handle(t, rejection(t, "a", rejectedData()), rejection(t, "b", rejectedData()))
	require.Empty(t, sent)
	require.Equal(t, []string{"retry in 1h0m0s", "ack"}, settled)
}

// A group that cannot be sent is not counted twice when its events are redelivered.
func TestAGroupThatFailedIsSentLater(t *testing.T) {
	t.Parallel()
	d := newRig()
	d.handle(t, d.failing(t, events.APIError, "jobs"))
	reminder := d.failing(t, events.APIError, "jobs")
	d.handle(t, reminder)
	d.clock = d.clock.Add(2 * time.Hour)
	d.sender.fail = map[string]error{"#sync-alerts": &Error{Status: 503, After: time.Minute}}
	newest := d.failing(t, events.APIError, "jobs")
	sent, settled := d.handle(t, newest)
	require.Equal(t, 2, sent[0].Times, "the attempt fails")
	require.Equal(t, []string{"retry in 1m0s"}, settled)
	d.handle(t, reminder)

	d.sender.fail = nil
	sent, settled = d.handle(t, reminder, newest)
	require.Len(t, sent, 1)
	require.Equal(t, 2, sent[0].Times)
	require.Equal(t, []string{"ack", "ack"}, settled)
}

// A new process does not know the count: it sends the reminder as a single failure.
func TestAReminderSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	d := newRig()
	d.handle(t, d.failing(t, events.APIError, "jobs"))
	reminder := d.failing(t, events.APIError, "jobs")
	_, settled := d.handle(t, reminder)
	require.Equal(t, []string{"retry in 1h0m0s"}, settled)
	sent, settled := newRig().handle(t, reminder)
	require.Len(t, sent, 1)
	require.Zero(t, sent[0].Times)
	require.Equal(t, []string{"ack"}, settled)
}

func TestWithoutAWindowEveryFailureIsSent(t *testing.T) {
	t.Parallel()
	d := newRig()
	d.Window = 0
	sent, _ := d.handle(t, d.failing(t, events.APIError, "jobs"), d.failing(t, events.APIError, "jobs"))
	require.Len(t, sent, 2)
	sent, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Len(t, sent, 1)
}
