package fakeslack_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/slack"
)

func start(t *testing.T, o fakeslack.Options) *fakeslack.Server {
	t.Helper()
	s, err := fakeslack.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

type reply struct {
	status     int
	body       string
	retryAfter string
}

func post(t *testing.T, url, body string) reply {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp.StatusCode, strings.TrimSpace(string(text)), resp.Header.Get("Retry-After")}
}

func TestAnswersLikeSlack(t *testing.T) {
	t.Parallel()
	s := start(t, fakeslack.Options{})
	for _, c := range []struct {
		name, body string
		want       reply
	}{
		{"text", `{"channel":"#sync-alerts","text":"done"}`, reply{200, "ok", ""}},
		{"blocks", `{"blocks":[{"type":"divider"}]}`, reply{200, "ok", ""}},
		{"not JSON", `text=done`, reply{400, "invalid_payload", ""}},
		{"nothing to say", `{}`, reply{400, "no_text", ""}},
		{"a section without text", `{"blocks":[{"type":"section"}]}`, reply{400, "invalid_blocks", ""}},
		{"an empty text", `{"blocks":[{"type":"section","text":{"type":"mrkdwn","text":""}}]}`, reply{400, "invalid_blocks", ""}},
		{"a text that is too long", sections(1, 3001), reply{400, "invalid_blocks", ""}},
		{"too many blocks", sections(51, 10), reply{400, "invalid_blocks", ""}},
		{"too much of everything", sections(5, 2900), reply{400, "msg_blocks_too_long", ""}},
		{"an empty context", `{"attachments":[{"blocks":[{"type":"context","elements":[]}]}]}`, reply{400, "invalid_blocks", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, post(t, s.URL(), c.body))
		})
	}
	require.Len(t, s.Messages(), 2, "refused messages are not kept")
	require.Equal(t, 10, s.Attempts())
	require.Equal(t, "#sync-alerts", s.Messages()[0].Channel)
	require.Equal(t, "done", s.Messages()[0].Text)

	resp, err := http.Get(s.MessagesURL())
	require.NoError(t, err)
	defer resp.Body.Close()
	var listed []fakeslack.Message
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&listed))
	require.Len(t, listed, 2)
	require.JSONEq(t, `{"channel":"#sync-alerts","text":"done"}`, string(listed[0].Body))
}

func TestFailsAsConfigured(t *testing.T) {
	t.Parallel()
	s := start(t, fakeslack.Options{})
	base := strings.TrimSuffix(s.MessagesURL(), "/messages")
	const message = `{"text":"done"}`

	s.Answer(&fakeslack.Answer{Status: http.StatusTooManyRequests, RetryAfter: 7, Times: 2})
	for range 2 {
		require.Equal(t, reply{429, "rate_limited", "7"}, post(t, s.URL(), message))
	}
	require.Equal(t, reply{200, "ok", ""}, post(t, s.URL(), message), "two times, as configured")

	require.Equal(t, http.StatusNoContent, post(t, base+"/answer", `{"status":404}`).status)
	for range 3 {
		require.Equal(t, reply{404, "no_service", ""}, post(t, s.URL(), message))
	}
	require.Equal(t, http.StatusNoContent, post(t, base+"/answer", `{"status":200}`).status)
	require.Equal(t, reply{200, "ok", ""}, post(t, s.URL(), message))
	require.Equal(t, http.StatusBadRequest, post(t, base+"/answer", `{"status":0}`).status)

	s.Answer(&fakeslack.Answer{Status: http.StatusInternalServerError})
	require.Equal(t, reply{500, "rollup_error", ""}, post(t, s.URL(), message))
	s.Answer(nil)
	require.Len(t, s.Messages(), 2)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := start(t, fakeslack.Options{PerSecond: 0.001})
	require.Equal(t, reply{200, "ok", ""}, post(t, s.URL(), `{"text":"first"}`))
	require.Equal(t, reply{429, "rate_limited", "1"}, post(t, s.URL(), `{"text":"second"}`))
}

func TestAwaitReturnsMessages(t *testing.T) {
	t.Parallel()
	s := start(t, fakeslack.Options{})
	found := make(chan fakeslack.Message, 1)
	go func() {
		m, err := s.Await(t.Context(), func(m fakeslack.Message) bool { return m.Text == "second" })
		if err == nil {
			found <- m
		}
	}()
	post(t, s.URL(), `{"text":"first"}`)
	post(t, s.URL(), `{"text":"second"}`)
	select {
	case m := <-found:
		require.Equal(t, "second", m.Text)
	case <-time.After(10 * time.Second):
		require.Fail(t, "the message was not seen")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Await(ctx, func(fakeslack.Message) bool { return false })
	require.ErrorContains(t, err, "2 others came")
}

func TestStopFreesThePort(t *testing.T) {
	t.Parallel()
	s, err := fakeslack.Start(fakeslack.Options{})
	require.NoError(t, err)
	addr := strings.TrimPrefix(strings.TrimSuffix(s.MessagesURL(), "/messages"), "http://")
	_, err = fakeslack.Start(fakeslack.Options{Port: portOf(t, addr)})
	require.ErrorContains(t, err, "address already in use")
	require.NoError(t, s.Stop())
	_, err = net.Dial("tcp", addr)
	require.Error(t, err)
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	require.NoError(t, err)
	return a.Port
}

func sections(n, size int) string {
	one := `{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("é", size) + `"}}`
	return `{"attachments":[{"blocks":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}]}`
}

// Slack accepts the message about any outcome.
func TestAcceptsEveryMessageOfTheNotifier(t *testing.T) {
	t.Parallel()
	s := start(t, fakeslack.Options{})
	sender, err := slack.New(slack.Options{URL: s.URL(), RunURL: "https://temporal.example.com/{workflowId}/{runId}"})
	require.NoError(t, err)
	for _, text := range []string{"short", strings.Repeat("<long> & ", 2000)} {
		n := notify.Notification{To: "#a", Outcome: notify.Failed, EventID: text, At: time.Now(), Run: events.OutcomeData{
			RunData: events.RunData{Mode: events.Full, TenantID: events.TenantID(text), WorkflowID: text, RunID: text, RunNumber: 1},
			Error:   &events.RunError{Type: events.APIError, Message: text, Entity: text},
		}}
		for range 190 {
			n.Run.Results = append(n.Run.Results, events.Result{
				Entity: text, Status: events.StatusFailed, Error: &events.RunError{Type: events.APIError, Message: text},
			})
		}
		rejected := n
		rejected.Outcome, rejected.Command = notify.Rejected, events.RejectedData{Subject: text, Reason: text, Code: events.CodeNotJSON}
		for _, list := range [][]notify.Notification{{n}, {rejected}, slices.Repeat([]notify.Notification{n, rejected}, 50)} {
			require.NoError(t, sender.Send(t.Context(), list))
		}
	}
	require.Len(t, s.Messages(), 6)
}
