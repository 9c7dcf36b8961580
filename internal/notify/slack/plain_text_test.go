package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/notifytest"
)

// receiver answers the first message in one way and the others in another. It records the
// bodies.
func receiver(t *testing.T, bodies *[]map[string]any, status int, answer string, then int) string {
	t.Helper()
	return notifytest.Webhook(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &body)
		}
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		*bodies = append(*bodies, body)
		if len(*bodies) == 1 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			return
		}
		w.WriteHeader(then)
		_, _ = io.WriteString(w, "ok")
	})
}

func TestAMessageWhoseBlocksAreRejectedIsSentAsPlainText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		answer string
	}{
		{400, "invalid_blocks"}, {400, "invalid_payload"}, {400, "invalid_attachments"}, {400, "Unable to parse incoming data"}, {400, ""},
		{413, "too large"}, {415, ""}, {422, `{"error":"unknown field attachments"}`},
		{200, "invalid_blocks"}, {200, `{"ok":false,"error":"invalid_blocks"}`}, {200, `{"success":false,"error":"no text"}`},
		{200, `{"ok":false}`}, {202, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 400"},
	} {
		var bodies []map[string]any
		n := notifytest.Completed()
		n.Run.Reason = ""
		n.Run.Results[0].Entity = "<!channel>"
		s := newSender(t, Options{URL: receiver(t, &bodies, c.status, c.answer, 200)})
		require.NoError(t, s.Send(t.Context(), []notify.Notification{n}), "%d %s", c.status, c.answer)
		require.Len(t, bodies, 2, "%d %s", c.status, c.answer)
		require.Contains(t, bodies[0], "attachments")
		plain := bodies[1]
		require.NotContains(t, plain, "attachments")
		require.NotContains(t, plain, "blocks")
		require.Equal(t, "#sync-alerts", plain["channel"])
		require.Contains(t, plain["text"], "Full sync completed")
		require.Contains(t, plain["text"], "jobs 1 read", "with details")
		require.Contains(t, plain["text"], "&lt;!channel&gt;", "no text becomes a mention")
	}
}
