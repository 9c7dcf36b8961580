package notify

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// completing is the outcome of another run that completed now, which asks for no notification.
func (d *rig) completing(t *testing.T, tenant events.TenantID, mode events.Mode) *delivery {
	t.Helper()
	return d.completingRun(t, events.RunData{TenantID: tenant, Mode: mode})
}

func (d *rig) completingRun(t *testing.T, run events.RunData) *delivery {
	t.Helper()
	d.runs++
	data := outcomeData()
	data.RunNumber, data.FinishedAt, data.TenantID, data.Mode, data.Refresh, data.Notify = d.runs, d.clock, run.TenantID, run.Mode, run.Refresh, nil
	event, err := events.Completed.New(events.Attributes{
		ID: fmt.Sprintf("%d/completed", d.runs), Source: "/lazisync", Subject: data.WorkflowID, Time: d.clock,
	}, data)
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return &delivery{message: events.Message{Subject: "sync.completed", Header: events.Header(event), Data: encoded}}
}

func TestTheRunAfterAFailureIsNotifiedOnce(t *testing.T) {
	t.Parallel()
	d := newRig()
	d.handle(t, d.failing(t, events.APIError, "jobs"))
	d.clock = d.clock.Add(time.Minute)
	reminder := d.failing(t, events.APIError, "jobs")
	_, settled := d.handle(t, reminder)
	require.Equal(t, []string{"retry in 59m0s"}, settled)

	d.clock = d.clock.Add(time.Minute)
	sent, _ := d.handle(t, d.completing(t, "1001", events.Incremental), d.completing(t, "1002", events.Full))
	require.Empty(t, sent, "another mode and another tenant")

	recovery := d.completing(t, "1001", events.Full)
	d.sender.fail = map[string]error{"#sync-alerts": &Error{Status: 503, After: time.Minute}}
	_, settled = d.handle(t, recovery)
	require.Equal(t, []string{"retry in 1m0s"}, settled)
	d.sender.fail = nil
	for _, want := range []int{1, 0} {
		sent, settled = d.handle(t, recovery)
		require.Equal(t, []string{"ack"}, settled)
		require.Len(t, sent, want, "the redelivery is notified, another one is not")
	}

	d.clock = d.clock.Add(time.Hour)
	sent, settled = d.handle(t, reminder, d.completing(t, "1001", events.Full))
	require.Empty(t, sent, "the repetition belongs to the recovery, and the next run is no news")
	require.Equal(t, []string{"ack", "ack"}, settled)

	sent, _ = d.handle(t, d.failing(t, events.APIError, "jobs"))
	require.Len(t, sent, 1, "the next failure is notified at once")
	d.clock = d.clock.Add(time.Minute)
	sent, _ = d.handle(t, d.completing(t, "1001", events.Full))
	require.Equal(t, 1, sent[0].Recovered)
}

// A refresh reads some records by their ids, which may work while the mode does not.
func TestARefreshThatWorksIsNoRecovery(t *testing.T) {
	t.Parallel()
	d := newRig()
	d.handle(t, d.failing(t, events.APIError, "jobs"))
	d.clock = d.clock.Add(time.Minute)
	sent, _ := d.handle(t, d.completingRun(t, events.RunData{TenantID: "1001", Mode: events.Full, Refresh: true}))
	require.Empty(t, sent)
	sent, _ = d.handle(t, d.completing(t, "1001", events.Full))
	require.Len(t, sent, 1)
	require.Equal(t, 1, sent[0].Recovered)
}

func TestARecoverySaysHowOftenAndSinceWhen(t *testing.T) {
	t.Parallel()
	d := newRig()
	for range 3 {
		d.handle(t, d.failing(t, events.APIError, "jobs"))
		d.clock = d.clock.Add(time.Minute)
	}
	sent, _ := d.handle(t, d.completing(t, "1001", events.Full))
	require.Len(t, sent, 1)
	require.Equal(t, Completed, sent[0].Outcome)
	require.Equal(t, "#sync-alerts", sent[0].To, "the channel of the failures")
	require.Equal(t, 3, sent[0].Recovered)
	require.Equal(t, ended, sent[0].FailingSince)
}

func TestARecoveryIsNotifiedAfterARestartByAnotherNotifier(t *testing.T) {
	t.Parallel()
	state := &LocalState{}
	d, restarted := newRig(), newRig()
	d.State, restarted.State = state, state
	sent, _ := d.handle(t, d.failing(t, events.APIError, "jobs"), d.failing(t, events.StoreError, "jobs"))
	require.Len(t, sent, 2)
	require.Equal(t, Incident{Key: fmt.Sprintf("1001/full/%d", d.clock.UnixMilli()), Failures: 1, Since: d.clock}, sent[0].Incident)

	restarted.runs, restarted.clock = d.runs, d.clock.Add(time.Minute)
	recovery := restarted.completing(t, "1001", events.Full)
	sent, _ = restarted.handle(t, recovery)
	require.Len(t, sent, 1)
	require.Equal(t, d.clock, sent[0].FailingSince)
	require.Equal(t, d.clock, sent[0].Incident.Since)

	d.runs, d.clock = restarted.runs, restarted.clock.Add(time.Minute)
	sent, _ = d.handle(t, d.completing(t, "1001", events.Full))
	require.Empty(t, sent, "another notifier sent the recovery")
}

// brokenState fails, as without permissions or without the stream.
type brokenState struct {
	State
	calls int
}

func (s *brokenState) Load(context.Context, string) ([]byte, uint64, error) {
	s.calls++
	return nil, 0, errors.New("stream SYNC_INCIDENTS is missing")
}

func TestFailuresAreNotifiedWithoutState(t *testing.T) {
	t.Parallel()
	d, state := newRig(), &brokenState{}
	d.State = state
	batch := []*delivery{d.failing(t, events.APIError, "jobs"), d.failing(t, events.APIError, "invoices"), rejection(t, "x", rejectedData())}
	for i, want := range [][]string{{"retry in 1s", "retry in 1s", "ack"}, {"retry in 2s", "retry in 2s", "ack"}, {"ack", "ack", "ack"}} {
		for _, one := range batch {
			one.deliveries = uint64(i + 1)
		}
		_, settled := d.handle(t, batch...)
		require.Equal(t, want, settled)
		require.Equal(t, i+1, state.calls, "it is asked once for each batch")
	}
	require.Len(t, d.sender.sent, 3, "the failures and the rejection")
}
