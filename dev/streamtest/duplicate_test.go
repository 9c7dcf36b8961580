package streamtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// outcome returns an outcome with the given id and run number.
func outcome(t *testing.T, id string, number int64) events.Event {
	t.Helper()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	event, err := events.Completed.New(events.Attributes{ID: id, Source: "/test", Time: time.Now()}, events.OutcomeData{
		RunData:   events.RunData{TenantID: "1", Mode: events.Full, WorkflowID: "w", RunID: "r", RunNumber: number, Entities: []string{"jobs"}},
		StartedAt: at, FinishedAt: at, Results: []events.Result{{Entity: "jobs", Status: events.StatusCompleted}},
	})
	require.NoError(t, err)
	return event
}

// JetStream compares ids, not events. An event whose id belongs to another event is published
// nevertheless.
func TestADifferentEventWithAKnownIDIsStored(t *testing.T) {
	t.Parallel()
	for name, publish := range map[string]func(*rig, ...events.Event) error{
		"one by one": func(r *rig, all ...events.Event) error {
			for _, e := range all {
				if err := r.conn.Publish(ctx(t), e); err != nil {
					return err
				}
			}
			return nil
		},
		"in a batch": func(r *rig, all ...events.Event) error {
			for _, err := range r.conn.PublishAll(ctx(t), all) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			first := outcome(t, "3/completed", 3)
			require.NoError(t, publish(r, first, first, outcome(t, "3/completed", 3)))
			require.EqualValues(t, 1, r.stored(t, stream.StreamEvents), "the same event is stored once")

			other := outcome(t, "3/completed", 103)
			require.NoError(t, publish(r, other, other))
			require.NoError(t, publish(r, other, first))
			require.EqualValues(t, 2, r.stored(t, stream.StreamEvents), "another one is stored, and once")
			m := r.message(t, stream.StreamEvents, 2)
			event, err := events.Decode(events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
			require.NoError(t, err)
			require.Regexp(t, "^3/completed/[0-9a-f]{8}$", event.ID())
			data, err := events.Completed.Data(event)
			require.NoError(t, err)
			require.EqualValues(t, 103, data.RunNumber)
			last, err := r.conn.LastRunNumber(ctx(t))
			require.NoError(t, err)
			require.EqualValues(t, 103, last)
		})
	}
}

func TestLastRunNumberOfAnEmptyStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	last, err := r.conn.LastRunNumber(ctx(t))
	require.NoError(t, err)
	require.Zero(t, last)
	for n := range int64(3) {
		require.NoError(t, r.conn.Publish(ctx(t), outcome(t, fmt.Sprint(n), n+1)))
	}
	last, err = r.conn.LastRunNumber(ctx(t))
	require.NoError(t, err)
	require.EqualValues(t, 3, last)
}

func TestHasMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.conn.Publish(ctx(t), outcome(t, "1", 1)))
	m := r.message(t, stream.StreamEvents, 1)
	place := func(sequence uint64, stored time.Time) string {
		return events.Message{Stream: stream.StreamEvents, Sequence: sequence, Stored: stored}.Place()
	}
	for at, want := range map[string]bool{
		place(1, m.Time):                      true,
		place(1, m.Time.Add(time.Nanosecond)): false, // the stream was recreated
		place(2, m.Time):                      false,
	} {
		has, err := r.conn.HasMessage(ctx(t), at)
		require.NoError(t, err)
		require.Equal(t, want, has, at)
	}
	_, err := r.conn.HasMessage(ctx(t), "SYNC_NOTHING-1-1")
	require.ErrorContains(t, err, "SYNC_NOTHING")
	_, err = r.conn.HasMessage(ctx(t), "1-1")
	require.ErrorContains(t, err, `place of a message: got "1-1", want <stream>-<sequence>-<stored time in ns>`)
}
