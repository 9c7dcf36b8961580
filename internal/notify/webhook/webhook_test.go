package webhook

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/message"
	"github.com/lazi/lazisync/internal/notify/notifytest"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

const (
	secret      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func newSender(t *testing.T, o Options) *Sender {
	t.Helper()
	if o.Secrets == nil {
		o.Secrets = []string{secret}
	}
	s, err := New(o)
	require.NoError(t, err)
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	notifytest.Exercise(t, func(t *testing.T, c notifytest.Config) notify.Sender {
		return newSender(t, Options{URL: c.URL, HTTP: c.HTTP, Now: c.Now, Logger: c.Logger})
	})
}

// Receivers verify with the library of the specification, also while a secret is replaced
// and when they get plain text.
func TestTheSignatureCanBeVerified(t *testing.T) {
	t.Parallel()
	var statuses []int
	var verified []error
	var ids []string
	keys := []string{secret, otherSecret}
	url := notifytest.Webhook(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		for _, key := range keys {
			var receiver *standardwebhooks.Webhook
			if err == nil {
				receiver, err = standardwebhooks.NewWebhook(key)
			}
			if err == nil {
				err = receiver.Verify(body, r.Header)
			}
		}
		verified, ids = append(verified, err), append(ids, r.Header.Get("webhook-id"))
		w.WriteHeader(statuses[len(verified)-1])
	})
	s := newSender(t, Options{URL: url, Secrets: keys})
	statuses = []int{http.StatusUnsupportedMediaType, http.StatusNoContent}
	require.NoError(t, s.Send(t.Context(), []notify.Notification{notifytest.Completed()}))
	require.Equal(t, []error{nil, nil}, verified)
	require.Equal(t, ids[0], ids[1])
	require.Regexp(t, `^msg_[0-9a-f]{32}$`, ids[0])

	other, err := standardwebhooks.NewWebhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	require.NoError(t, err)
	signed, err := s.sign("msg_1", time.Now(), []byte("{}"), "application/json")
	require.NoError(t, err)
	require.Error(t, other.Verify([]byte("{}"), signed.Header), "another secret")
	mine, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	require.NoError(t, mine.Verify([]byte("{}"), signed.Header))
	require.Error(t, mine.Verify([]byte("{ }"), signed.Header), "another body")
}

func TestAMessageIDIsThatOfItsEvents(t *testing.T) {
	t.Parallel()
	a, b := notifytest.Completed(), notifytest.Rejected()
	again := a
	again.Times = 3
	require.Equal(t, messageID([]notify.Notification{a}), messageID([]notify.Notification{a}))
	require.NotEqual(t, messageID([]notify.Notification{a}), messageID([]notify.Notification{b}))
	require.NotEqual(t, messageID([]notify.Notification{a}), messageID([]notify.Notification{a, b}))
	require.NotEqual(t, messageID([]notify.Notification{a}), messageID([]notify.Notification{again}), "another count is another message")
}

func TestPayloadGolden(t *testing.T) {
	t.Parallel()
	flood := notifytest.Rejected()
	flood.Times, flood.Since = 12, notifytest.Ended.Add(-time.Hour)
	for name, list := range map[string][]notify.Notification{
		"completed": {notifytest.Completed()}, "flood": {flood}, "digest": {notifytest.Completed(), flood},
	} {
		r := message.Renderer{RunURL: "https://temporal.example.com/{workflowId}", Now: notifytest.Ended.Add(time.Minute)}
		got, err := encode(newPayload(list, r))
		require.NoError(t, err)
		path := filepath.Join("testdata", name+".json")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o750))
			require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got)+"\n", path)
	}
}

func TestNewRejectsWhatCannotSign(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/hook"
	for want, o := range map[string]Options{
		"webhook: no URL":               {Secrets: []string{secret}},
		"webhook: no secret":            {URL: url},
		"webhook: got ***":              {URL: "http://example.com/sEcReT", Secrets: []string{secret}},
		"webhook: secret 1: got ***":    {URL: url, Secrets: []string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
		"webhook: secret 2: got ***, w": {URL: url, Secrets: []string{secret, "whsec_sEcReT!"}},
	} {
		_, err := New(o)
		require.ErrorContains(t, err, want)
		require.NotContains(t, fmt.Sprint(err), "sEcReT")
	}
}
