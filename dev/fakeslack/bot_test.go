package fakeslack_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/slack"
	"github.com/lazi/lazisync/internal/stream"
)

const patience = time.Minute

// newState returns the incidents of a real NATS server.
func newState(t *testing.T) func() notify.State {
	t.Helper()
	server, err := natsserver.Start(t.Context(), natsserver.Options{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	connect := func() *stream.Conn {
		conn, err := stream.Connect(stream.Options{URL: server.URL(), Name: "test", Logger: zerolog.Nop()})
		require.NoError(t, err)
		t.Cleanup(conn.Close)
		require.Eventually(t, func() bool { _, err := conn.Server(t.Context()); return err == nil }, patience, 5*time.Millisecond)
		return conn
	}
	_, err = connect().Declare(t.Context())
	require.NoError(t, err)
	return func() notify.State { return connect().Incidents() }
}

func bot(t *testing.T, s *fakeslack.Server, state notify.State, log *bytes.Buffer) *slack.Sender {
	t.Helper()
	sender, err := slack.New(slack.Options{Token: fakeslack.Token, APIURL: s.APIURL(), State: state, Logger: zerolog.New(log)})
	require.NoError(t, err)
	return sender
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// failure is the nth failure of an incident.
func failure(n int) []notify.Notification {
	at := began.Add(time.Duration(n) * time.Minute)
	return []notify.Notification{{
		To: "#ops", Outcome: notify.Failed, EventID: "failed", At: at,
		Run: events.OutcomeData{
			RunData: events.RunData{Mode: events.Full, TenantID: "1001", WorkflowID: "w", RunNumber: int64(n)}, FinishedAt: at,
			Error: &events.RunError{Type: events.APIError, Message: "no", Entity: "jobs"},
		},
		Incident: notify.Incident{Key: "1001/full/1", Failures: n, Since: began.Add(time.Minute)},
	}}
}

func recovery(after int) []notify.Notification {
	list := failure(after + 1)
	list[0].Outcome, list[0].Run.Error, list[0].Recovered, list[0].FailingSince = notify.Completed, nil, after, list[0].Incident.Since
	list[0].Incident.Failures = after
	return list
}

func TestABotEditsTheMessageOfAnIncidentAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	s, state := start(t, fakeslack.Options{}), newState(t)
	var log bytes.Buffer
	for _, c := range []struct {
		list []notify.Notification
		want string
	}{
		{failure(1), "Full sync failed after"},
		{failure(2), "Full sync failed 2 times since 2026-03-01 12:01 UTC: jobs (ApiError)"},
		{failure(2), "Full sync failed 2 times"},
		{recovery(3), "Full sync works again after 3 failures since 2026-03-01 12:01 UTC"},
		{failure(3), "Full sync works again"}, // redelivered late: the message shows a later event
	} {
		require.NoError(t, bot(t, s, state(), &log).Send(t.Context(), c.list))
		require.Len(t, s.Messages(), 1)
		require.Contains(t, s.Messages()[0].Text, c.want)
	}
	require.Equal(t, 2, s.Messages()[0].Edits)

	other := recovery(0)
	other[0].Incident = notify.Incident{}
	require.NoError(t, bot(t, s, state(), &log).Send(t.Context(), append(other, append(failure(5), failure(4)...)...)))
	require.Len(t, s.Messages(), 2, "a message about what belongs to no incident")
	require.Contains(t, s.Messages()[0].Text, "Full sync failed 5 times", "of several failures the latest one")
	require.NotContains(t, log.String(), fakeslack.Token)
}

func TestTwoNotifiersPostOneMessage(t *testing.T) {
	t.Parallel()
	s, state := start(t, fakeslack.Options{}), newState(t)
	const failures = 20
	results := make(chan error, 2)
	for notifier := range 2 {
		sender := bot(t, s, state(), &bytes.Buffer{})
		go func() {
			for n := 1 + notifier; n <= failures; {
				err := sender.Send(t.Context(), failure(n))
				if err == nil {
					n += 2
				} else if !strings.Contains(err.Error(), "another notifier") {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	require.Len(t, s.Messages(), 1)
	require.Contains(t, s.Messages()[0].Text, "failed 20 times", "the highest count stays, whichever post came last")
}

func TestAMessageThatWasDeletedIsPostedAgain(t *testing.T) {
	t.Parallel()
	s, state := start(t, fakeslack.Options{}), &notify.LocalState{}
	sender := bot(t, s, state, &bytes.Buffer{})
	require.NoError(t, sender.Send(t.Context(), failure(1)))
	s.Delete(s.Messages()[0].TS)
	for n := 2; n <= 3; n++ {
		require.NoError(t, sender.Send(t.Context(), failure(n)))
		require.Len(t, s.Messages(), 1)
	}
	require.Equal(t, 1, s.Messages()[0].Edits)
}

func TestABotReportsWhatSlackRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, fakeslack.Options{})
	var log bytes.Buffer
	for _, c := range []struct {
		answer    fakeslack.Answer
		permanent bool
		after     time.Duration
		want      string
	}{
		{fakeslack.Answer{Status: 200, Error: "channel_not_found"}, true, 0, `got the error "channel_not_found" with HTTP status 200, want ok`},
		{fakeslack.Answer{Status: 200, Error: "ratelimited", RetryAfter: 30}, false, 30 * time.Second, "ratelimited"},
		{fakeslack.Answer{Status: 429, RetryAfter: 7}, false, 7 * time.Second, `got HTTP status 429`},
		{fakeslack.Answer{Status: 503}, false, time.Second, "got HTTP status 503"},
	} {
		s.Answer(&c.answer)
		sender := bot(t, s, &notify.LocalState{}, &log) // without the backoff of the one before
		var failed *notify.Error
		require.ErrorAs(t, sender.Send(t.Context(), failure(1)), &failed)
		require.Equal(t, c.permanent, failed.Permanent, c.want)
		require.Equal(t, c.after, failed.After, c.want)
		require.ErrorContains(t, failed, c.want)
	}
	s.Answer(&fakeslack.Answer{Status: 503, Times: 1})
	clock := began
	sender, err := slack.New(slack.Options{Token: fakeslack.Token, APIURL: s.APIURL(), Now: func() time.Time { clock = clock.Add(time.Hour); return clock }})
	require.NoError(t, err)
	require.Error(t, sender.Send(t.Context(), failure(1)))
	require.NoError(t, sender.Send(t.Context(), failure(1)), "nothing holds the incident after a failure")
	require.Len(t, s.Messages(), 1)

	_, _, err = slack.CheckBot(t.Context(), http.DefaultClient, s.APIURL(), "xoxb-wrong-sEcReT")
	require.ErrorContains(t, err, "invalid_auth")
	require.NotContains(t, err.Error()+log.String(), "sEcReT")
	workspace, user, err := slack.CheckBot(t.Context(), http.DefaultClient, s.APIURL(), fakeslack.Token)
	require.NoError(t, err)
	require.Equal(t, "Fake lazisync", workspace+" "+user)
}
