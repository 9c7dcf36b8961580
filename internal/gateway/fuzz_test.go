package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// FuzzWebhookBody sends bodies to the webhook, signed as they should be, and as the body
// of a REST command: each is taken and stored, or refused with a problem that says why.
func FuzzWebhookBody(f *testing.F) {
	for _, body := range []string{
		sampleBody, `{}`, `{"eventType":"customer.updated","tenantId":1001}`, `{"__eventInfo":{"webhookType":"InvoiceUpdated"}}`,
		`{"__tenantInfo":{"id":"1001"}}`, `{"__tenantInfo":7,"__eventInfo":[]}`, `{"type":"\u0000"}`, `{"eventType":"` + strings.Repeat("x", 200) + `"}`,
		`[]`, `null`, `{"a":1}{}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"type":"😀"}`, `{"eventType":1e999}`, ``, `{"entities":["customers"]}`,
		`{"entities":["custmers"],"notify":1}`, strings.Repeat("[", 20_000), `{"channel":"` + "\u202e" + `"}`,
	} {
		f.Add(body, true)
		f.Add(body, false)
	}
	box, book := &box{}, &book{}
	g, err := New(Options{
		Publisher: box, Ledger: book, Temporal: &engine{}, Subscribe: box.Subscribe,
		Tenants: []string{"1001"}, Entities: []string{"customers", "jobs", "invoices", "estimates"},
		Webhooks: Webhooks{Keys: map[string][]string{"1001": {testKey}}}, Logger: zerolog.Nop(),
	})
	require.NoError(f, err)
	book.looked = func() { // answer at once: the request runs
		for _, e := range box.events() {
			id := events.RequestID(e.Source(), e.ID())
			data, err := events.Requested.Data(e)
			if err != nil {
				continue // it shows below
			}
			digest, err := ledger.Digest(data)
			if err != nil {
				continue
			}
			book.requests = map[string]ledger.Receipt{id: {Request: ledger.Request{ID: id, Digest: digest, State: ledger.Accepted, FirstRunID: "run"}}}
		}
	}
	handler := g.handler
	f.Fuzz(func(t *testing.T, body string, hook bool) {
		path := "/sync/incremental"
		if hook {
			path = hookPath
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(defaultSignatureHeader, hexOf(testKey, body))
		request.RemoteAddr, request.Host = "127.0.0.1:1", "127.0.0.1"
		answer := httptest.NewRecorder()
		box.empty()
		handler.ServeHTTP(answer, request)

		if answer.Code == http.StatusOK || answer.Code == http.StatusAccepted {
			stored := box.events()
			require.Len(t, stored, 1)
			_, err := events.Requested.Data(stored[0])
			require.NoError(t, err, "the bridge can read what was taken")
			return
		}
		require.Empty(t, box.events(), "what is refused is not stored")
		require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, answer.Code, answer.Body)
		require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
		var problem map[string]any
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &problem))
		require.NotEmpty(t, problem["detail"], answer.Body)
	})
}

func (b *box) empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored, b.known = nil, nil
}
