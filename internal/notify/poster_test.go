package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

const secretPath = "/services/T000/B000/sEcReTsEcReT"

func TestAWebhookURLIsMasked(t *testing.T) {
	t.Parallel()
	u := WebhookURL("https://hooks.slack.com" + secretPath)
	encoded, err := json.Marshal(map[string]any{"url": u})
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", u, u, u, u)+string(encoded), "sEcReT")
	require.Equal(t, "*** and ***", u.Redact(string(u)+" and "+secretPath))
	u = "https://example.com/?token=sEcReT"
	require.Equal(t, "*** and *** and / and ***", u.Redact(string(u)+" and /?token=sEcReT and / and sEcReT"))
}

func TestCheckRejectsWhatCannotBeAWebhookURL(t *testing.T) {
	t.Parallel()
	for _, u := range []WebhookURL{
		"hooks.slack.com/services/sEcReT", "http://hooks.slack.com/services/sEcReT", "ftp://hooks.slack.com/sEcReT",
		"https:///sEcReT", "https://hooks.slack.com:port/sEcReT", "sEcReT", "https://hooks.slack.com/%zzsEcReT",
	} {
		err := u.Check("the webhook")
		require.ErrorContains(t, err, "the webhook: got ***")
		require.NotContains(t, err.Error(), "sEcReT")
	}
	for _, u := range []WebhookURL{"", "https://hooks.slack.com" + secretPath, "http://127.0.0.1:9" + secretPath, "http://localhost" + secretPath} {
		require.NoError(t, u.Check("the webhook"))
	}
}

// The text of an error omits the URL before anything is redacted.
func TestReasonOmitsTheURL(t *testing.T) {
	t.Parallel()
	wrapped := &url.Error{Op: "Post", URL: "https://hooks.slack.com" + secretPath, Err: io.ErrUnexpectedEOF}
	require.Equal(t, "unexpected EOF", reason(fmt.Errorf("send: %w", wrapped)))
	require.Equal(t, "no response within the timeout", reason(&url.Error{URL: secretPath, Err: context.DeadlineExceeded}))
}
