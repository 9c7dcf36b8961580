package streamtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

var notJSON = events.Rejection{Code: events.CodeNotJSON, Reason: "got text,\nwant one JSON object"}

func TestDeadLetterKeepsTheOriginalAndTheReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := "\x00\xff not JSON \r\n"
	sent := r.send(t, "sync.requested", body,
		"Nats-Msg-Id", "mine", "Status", "409", "X-Own", "kept", "Lazisync-Reason", "forged", "content-type", "text/plain")
	m := r.asMessage(t, stream.StreamCommands, sent.Sequence)

	name, at, err := r.conn.DeadLetter(ctx(t), m, notJSON, 3)
	require.NoError(t, err)
	require.Equal(t, stream.StreamDeadLetter, name)
	raw := r.message(t, name, at)
	require.Equal(t, "deadletter.sync.requested", raw.Subject)
	require.Equal(t, "mine", raw.Header.Get("Lazisync-Original-Nats-Msg-Id"))
	require.NotEqual(t, "mine", raw.Header.Get("Nats-Msg-Id"))
	require.Empty(t, raw.Header.Get("Status"), "must not look like an answer of the server")
	require.Equal(t, "kept", raw.Header.Get("X-Own"))

	deadLetter, err := r.conn.DeadLetterAt(ctx(t), at)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), deadLetter.At, time.Minute)
	deadLetter.At = time.Time{}
	deadLetter.Message.Stored, m.Stored = deadLetter.Message.Stored.UTC(), m.Stored.UTC()
	require.Equal(t, events.RejectedMessage{
		Sequence: at, Code: events.CodeNotJSON, Reason: "got text, want one JSON object", Attempts: 3, Message: m,
	}, deadLetter)
}

func TestAMessageIsDeadLetteredOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.asMessage(t, stream.StreamCommands, r.send(t, "sync.requested", "x").Sequence)
	_, firstAt, err := r.conn.DeadLetter(ctx(t), m, notJSON, 1)
	require.NoError(t, err)
	_, secondAt, err := r.conn.DeadLetter(ctx(t), m, notJSON, 2)
	require.NoError(t, err)
	require.Equal(t, firstAt, secondAt)
	require.EqualValues(t, 1, r.stored(t, stream.StreamDeadLetter))

	m.Stored = m.Stored.Add(1) // the stream lost its tail and assigned the sequence again
	_, other, err := r.conn.DeadLetter(ctx(t), m, notJSON, 1)
	require.NoError(t, err)
	require.NotEqual(t, firstAt, other)
}

func TestDeadLettersAreListedInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	none := func(events.RejectedMessage) error { return errors.New("there is none") }
	require.NoError(t, r.conn.DeadLetters(ctx(t), none))
	for _, subject := range []string{"sync.requested", "sync.control", "sync.requested"} {
		m := r.asMessage(t, stream.StreamCommands, r.send(t, subject, "x").Sequence)
		_, _, err := r.conn.DeadLetter(ctx(t), m, notJSON, 1)
		require.NoError(t, err)
	}
	var subjects []string
	require.NoError(t, r.conn.DeadLetters(ctx(t), func(p events.RejectedMessage) error {
		subjects = append(subjects, p.Message.Subject)
		return nil
	}))
	require.Equal(t, []string{"sync.requested", "sync.control", "sync.requested"}, subjects)

	_, err := r.conn.DeadLetterAt(ctx(t), 9)
	require.ErrorIs(t, err, events.ErrNoDeadLetter)
	_, _, err = r.conn.Replay(ctx(t), 9)
	require.EqualError(t, err, "dead letter 9: dead letter not found")
}

func TestLatestDeadLettersAreListedByPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := func(before uint64, limit int) (sequences []uint64, total, next uint64) {
		t.Helper()
		found, total, next, err := r.conn.LatestDeadLetters(ctx(t), before, limit)
		require.NoError(t, err)
		for _, d := range found {
			sequences = append(sequences, d.Sequence)
		}
		return sequences, total, next
	}
	none, total, next := list(0, 10)
	require.Empty(t, none)
	require.Zero(t, total+next)
	for range 5 {
		m := r.asMessage(t, stream.StreamCommands, r.send(t, "sync.requested", "x").Sequence)
		_, _, err := r.conn.DeadLetter(ctx(t), m, notJSON, 1)
		require.NoError(t, err)
	}

	first, total, next := list(0, 2)
	require.Equal(t, []uint64{5, 4}, first)
	require.EqualValues(t, 5, total)
	require.EqualValues(t, 4, next)
	second, _, next := list(next, 3)
	require.Equal(t, []uint64{3, 2, 1}, second)
	require.Zero(t, next)
	beyond, _, _ := list(100, 1)
	require.Equal(t, []uint64{5}, beyond)
}

func TestReplayKeepsTheIdentity(t *testing.T) {
	t.Parallel()
	const whole = `{"specversion":"1.0","id":"s-1","source":"/s","type":"com.lazi.sync.requested.v1","data":{"mode":"Full"}}`
	cases := map[string]struct {
		body       string
		headers    []string
		structured bool // replaced by a structured event
	}{
		"structured":                     {body: whole},
		"structured with content type":   {body: whole, headers: []string{"content-type", "application/cloudevents+json"}},
		"structured with Nats-Msg-Id":    {body: whole, headers: []string{"Nats-Msg-Id", "m-1"}},
		"binary":                         {body: `{"mode":"Full"}`, headers: []string{"ce-specversion", "1.0", "ce-id", "b-1", "ce-source", "/b", "ce-type", "com.lazi.sync.requested.v1"}},
		"bare":                           {body: `{"mode":"Full"}`, structured: true},
		"bare with content type":         {body: `{"mode":"Full"}`, headers: []string{"content-type", "application/json"}, structured: true},
		"bare identified by Nats-Msg-Id": {body: `{"mode":"Full"}`, headers: []string{"Nats-Msg-Id", "m-1"}, structured: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			original := r.asMessage(t, stream.StreamCommands, r.send(t, "sync.requested", c.body, c.headers...).Sequence)
			_, at, err := r.conn.DeadLetter(ctx(t), original, notJSON, 1)
			require.NoError(t, err)
			in, sequence, err := r.conn.Replay(ctx(t), at)
			require.NoError(t, err)
			require.Greater(t, sequence, original.Sequence, "stored again")

			again := r.asMessage(t, in, sequence)
			require.Equal(t, "sync.requested", again.Subject)
			require.Empty(t, again.Header["Nats-Msg-Id"])
			require.Equal(t, !c.structured, c.body == string(again.Data))
			require.Equal(t, original.Stored.UTC().Format(time.RFC3339Nano), first(again.Header[events.HeaderFirstStored]))
			for name := range again.Header {
				require.False(t, strings.HasPrefix(name, "Lazisync-") && name != events.HeaderFirstStored, name)
			}
			requireSameEvent(t, original, again)

			// The event keeps its identity when it is rejected and replayed a second time.
			_, at, err = r.conn.DeadLetter(ctx(t), again, notJSON, 1)
			require.NoError(t, err)
			in, sequence, err = r.conn.Replay(ctx(t), at)
			require.NoError(t, err)
			third := r.asMessage(t, in, sequence)
			requireSameEvent(t, original, third)
			require.Equal(t, again.Header, third.Header)
		})
	}
}

func TestReplayOfAMalformedMessageKeepsItsBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.asMessage(t, stream.StreamCommands, r.send(t, "sync.control", "nonsense", "Nats-Msg-Id", "m").Sequence)
	_, at, err := r.conn.DeadLetter(ctx(t), m, notJSON, 1)
	require.NoError(t, err)
	in, sequence, err := r.conn.Replay(ctx(t), at)
	require.NoError(t, err)
	again := r.asMessage(t, in, sequence)
	require.Equal(t, "sync.control", again.Subject)
	require.Equal(t, "nonsense", string(again.Data))
}

func TestTheLastDeliveryIsDeadLettered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", "x")
	r.consume(t, stream.ConsumerRequests, many, func(_ context.Context, batch []*stream.Message) error {
		return batch[0].Retry(time.Nanosecond)
	})
	require.Eventually(t, func() bool { return r.stored(t, stream.StreamDeadLetter) == 1 }, 2*patience, tick)
	deadLetter, err := r.conn.DeadLetterAt(ctx(t), 1)
	require.NoError(t, err)
	require.EqualValues(t, 1000, deadLetter.Attempts)
	require.Equal(t, "not acknowledged after 1000 deliveries", deadLetter.Reason)
	require.Equal(t, "x", string(deadLetter.Message.Data))
	require.EqualValues(t, 1000, r.exhausted(t).await(t, 1)[0].Deliveries(), "an advisory reports it, so that it is answered")
	r.settledAll(t, stream.ConsumerRequests)
}

func (r *rig) asMessage(t *testing.T, in string, sequence uint64) events.Message {
	t.Helper()
	raw := r.message(t, in, sequence)
	return events.Message{
		Subject: raw.Subject, Header: raw.Header, Data: raw.Data, Stream: in, Sequence: raw.Sequence, Stored: raw.Time,
	}
}

func requireSameEvent(t *testing.T, a, b events.Message) {
	t.Helper()
	one, err := events.Decode(a)
	require.NoError(t, err)
	other, err := events.Decode(b)
	require.NoError(t, err)
	require.Equal(t, one.ID(), other.ID())
	require.Equal(t, one.Source(), other.Source())
	require.Equal(t, one.Type(), other.Type())
	require.JSONEq(t, string(one.Data()), string(other.Data()))
}

// The server takes 64 KiB of headers. Those of a dead letter have longer names, and it has more of them.
func TestADeadLetterWithManyHeadersIsStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, fill := range map[string]func(add func(name, value string)){
		"many tiny ones": func(add func(name, value string)) {
			for i := range 5000 {
				add(fmt.Sprintf("Nats-%04d", i), "")
			}
		},
		"one large one": func(add func(name, value string)) { add("X-Large", strings.Repeat("x", 65_300)) },
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"Content-Type", "text/plain", "Nats-Msg-Id", "mine of " + name}
			fill(func(name, value string) { headers = append(headers, name, value) })
			body := strings.Repeat("x", 400<<10)
			m := r.asMessage(t, stream.StreamCommands, r.send(t, "sync.requested", body, headers...).Sequence)
			_, at, err := r.conn.DeadLetter(ctx(t), m, events.Rejection{Code: events.CodeTooLarge, Reason: strings.Repeat("r", 100_000)}, 1)
			require.NoError(t, err)
			deadLetter, err := r.conn.DeadLetterAt(ctx(t), at)
			require.NoError(t, err)
			require.Equal(t, m.Data, deadLetter.Message.Data)
			kept := deadLetter.Message.Header
			require.Equal(t, []string{"text/plain"}, kept["Content-Type"])
			require.Equal(t, []string{"mine of " + name}, kept["Nats-Msg-Id"])
			require.Less(t, len(kept), len(m.Header))
			require.Equal(t, fmt.Sprint(len(m.Header)-len(kept)), r.message(t, stream.StreamDeadLetter, at).Header.Get("Lazisync-Headers-Omitted"))
			_, _, err = r.conn.Replay(ctx(t), at)
			require.NoError(t, err)
		})
	}
}
