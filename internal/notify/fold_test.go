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

// desk is a notifier, a clock and the people it tells.
type desk struct {
	*Notifier
	people   *people
	clock    time.Time
	observed map[string]int
	runs     int64
}

func newDesk() *desk {
	d := &desk{people: &people{}, clock: ended, observed: map[string]int{}}
	d.Notifier = New(Options{
		Sender: d.people, Alerts: "#ops", Window: time.Hour, Logger: zerolog.Nop(),
		Observed: func(what string) { d.observed[what]++ }, Now: func() time.Time { return d.clock },
	})
	return d
}

// failing is the outcome of another run that failed now.
func (d *desk) failing(t *testing.T, kind events.ErrorType, entity string) *delivery {
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

// handle hands deliveries over and returns what is told, and how each is settled.
func (d *desk) handle(t *testing.T, batch ...*delivery) (told []Notification, settled []string) {
	t.Helper()
	before := len(d.people.told)
	var list []Delivery
	for _, one := range batch {
		list = append(list, one)
	}
	require.NoError(t, d.Handle(t.Context(), list))
	for _, one := range batch {
		settled = append(settled, one.settled[len(one.settled)-1])
	}
	return slices.Clone(d.people.told[before:]), settled
}

func TestTheSameFailureIsToldOnceAWindowWithItsCount(t *testing.T) {
	t.Parallel()
	d := newDesk()
	told, settled := d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Len(t, told, 1, "the first is news")
	require.Zero(t, told[0].Times)
	require.Equal(t, []string{"ack"}, settled)

	d.clock = d.clock.Add(15 * time.Minute)
	carrier := d.failing(t, events.APIError, "jobs")
	told, settled = d.handle(t, carrier)
	require.Empty(t, told)
	require.Equal(t, []string{"retry in 45m0s"}, settled, "the first repetition comes back")

	for range 3 {
		d.clock = d.clock.Add(10 * time.Minute)
		told, settled = d.handle(t, d.failing(t, events.APIError, "jobs"))
		require.Empty(t, told)
		require.Equal(t, []string{"ack"}, settled, "the others are counted")
	}
	told, settled = d.handle(t, carrier)
	require.Empty(t, told, "too early, as after a restart of NATS")
	require.Equal(t, []string{"retry in 15m0s"}, settled)

	d.clock = d.clock.Add(15 * time.Minute)
	told, settled = d.handle(t, carrier)
	require.Equal(t, []string{"ack"}, settled)
	require.Len(t, told, 1)
	require.Equal(t, 4, told[0].Times)
	require.Equal(t, ended, told[0].Since)
	require.EqualValues(t, 5, told[0].Run.RunNumber, "the details are the last one's")
	require.Equal(t, map[string]int{Sent: 2, Folded: 4}, d.observed)

	_, settled = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Equal(t, []string{"retry in 1h0m0s"}, settled, "a new window")
	d.clock = d.clock.Add(25 * time.Hour)
	told, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Equal(t, 2, told[0].Times)
}

func TestOtherNewsIsNotFolded(t *testing.T) {
	t.Parallel()
	d := newDesk()
	first := d.failing(t, events.APIError, "jobs")
	completed := deliver(t, events.Completed, outcomeData())
	again := deliver(t, events.Completed, outcomeData())
	again.message = deliver(t, events.Cancelled, outcomeData()).message
	told, _ := d.handle(t, first, d.failing(t, events.StoreError, "jobs"), d.failing(t, events.APIError, "customers"), completed, again)
	require.Len(t, told, 5)
	told, settled := d.handle(t, first)
	require.Empty(t, told)
	require.Equal(t, []string{"ack"}, settled, "a redelivery is not a repetition")
	d.clock = d.clock.Add(time.Hour)
	told, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Zero(t, told[0].Times, "what did not happen for a window is news again")
}

func TestTheSameFailureInOneBatchIsOneMessage(t *testing.T) {
	t.Parallel()
	d := newDesk()
	batch := make([]*delivery, 50)
	for i := range batch {
		batch[i] = refusal(t, fmt.Sprint(i), rejectedData())
	}
	d.people.fail = map[string]error{"#ops": &Error{Status: 503, After: time.Minute}}
	told, settled := d.handle(t, batch...)
	require.Len(t, told, 1)
	require.Equal(t, slices.Repeat([]string{"retry in 1m0s"}, 50), settled)

	d.people.fail = nil
	told, settled = d.handle(t, batch...)
	require.Len(t, told, 1)
	require.Equal(t, 50, told[0].Times)
	require.Equal(t, slices.Repeat([]string{"ack"}, 50), settled)

	told, settled = d.handle(t, refusal(t, "a", rejectedData()), refusal(t, "b", rejectedData()))
	require.Empty(t, told)
	require.Equal(t, []string{"retry in 1h0m0s", "ack"}, settled)
}

// A count that cannot be told is not counted twice when its events come again.
func TestACountThatCouldNotBeToldIsToldLater(t *testing.T) {
	t.Parallel()
	d := newDesk()
	d.handle(t, d.failing(t, events.APIError, "jobs"))
	carrier := d.failing(t, events.APIError, "jobs")
	d.handle(t, carrier)
	d.clock = d.clock.Add(2 * time.Hour)
	d.people.fail = map[string]error{"#sync-alerts": &Error{Status: 503, After: time.Minute}}
	newest := d.failing(t, events.APIError, "jobs")
	told, settled := d.handle(t, newest)
	require.Equal(t, 2, told[0].Times, "tried in vain")
	require.Equal(t, []string{"retry in 1m0s"}, settled)
	d.handle(t, carrier)

	d.people.fail = nil
	told, settled = d.handle(t, carrier, newest)
	require.Len(t, told, 1)
	require.Equal(t, 2, told[0].Times)
	require.Equal(t, []string{"ack", "ack"}, settled)
}

// The process that counted is gone: what it kept is told as the failure it is.
func TestWhatWasKeptSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	d := newDesk()
	d.handle(t, d.failing(t, events.APIError, "jobs"))
	carrier := d.failing(t, events.APIError, "jobs")
	_, settled := d.handle(t, carrier)
	require.Equal(t, []string{"retry in 1h0m0s"}, settled)
	told, settled := newDesk().handle(t, carrier)
	require.Len(t, told, 1)
	require.Zero(t, told[0].Times)
	require.Equal(t, []string{"ack"}, settled)
}

func TestWithoutAWindowEveryFailureIsTold(t *testing.T) {
	t.Parallel()
	d := newDesk()
	d.Window = 0
	told, _ := d.handle(t, d.failing(t, events.APIError, "jobs"), d.failing(t, events.APIError, "jobs"))
	require.Len(t, told, 2)
	told, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Len(t, told, 1)
}
