package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestOnlySignedWebhooksStartASync(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{webhooks: true})
	w.start(t, "serve")
	w.full(t)
	commands := len(w.stored(t, "SYNC_COMMANDS"))
	secret := w.stack.Variable("SERVICETITAN_WEBHOOK_SECRET")
	deliver := func(body, signature string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.stack.GatewayURL()+"/webhooks/servicetitan", strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("x-servicetitan-signature", signature)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		return response.StatusCode
	}

	const body = `{"id":4711,"eventId":"2026-01-01T00:00:00Z","eventType":"job.updated"}`
	require.Equal(t, http.StatusUnauthorized, deliver(body, sign("another secret", body)))
	require.Equal(t, http.StatusUnauthorized, deliver(body+" ", sign(secret, body)))
	require.Len(t, w.stored(t, "SYNC_COMMANDS"), commands, "a forged delivery leaves no trace")

	require.Equal(t, http.StatusOK, deliver(body, sign(secret, body)))
	_, outcome := await(t, w, "sync.completed", func(d events.OutcomeData) bool { return d.Mode == events.Incremental })
	require.Equal(t, []string{"jobs"}, outcome.Entities)

	// The simulator also sends webhooks for its changes.
	id, err := w.stack.Simulator.Create("customers")
	require.NoError(t, err)
	_, outcome = await(t, w, "sync.completed", func(d events.OutcomeData) bool {
		return slices.Contains(d.Entities, "customers") && d.Mode == events.Incremental
	})
	require.Equal(t, outcome.RunNumber, value[int64](t, w, "select run_number from raw.st_customers where st_id = $1", id))
	w.requireEqual(t)
}

// sign signs a delivery like ServiceTitan: HMAC-SHA256 of the raw body, in hex.
func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}
