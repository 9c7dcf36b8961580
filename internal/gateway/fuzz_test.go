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

// FuzzWebhookBody sends each body to the webhook, with a valid signature, and as the body of a REST
// command. It is accepted and stored, or rejected with a problem document.
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
	fakeStream, fakeLedger := &fakeStream{}, &fakeLedger{}
	g, err := New(Options{
		Publisher: fakeStream, Ledger: fakeLedger, Audit: &fakeAudit{}, Temporal: &fakeTemporal{}, Subscribe: fakeStream.Subscribe,
		Tenants: []events.TenantID{"1001"}, Entities: []string{"customers", "jobs", "invoices", "estimates"},
		Webhooks: Webhooks{Keys: map[string][]string{"1001": {testKey}}}, Logger: zerolog.Nop(),
	})
	require.NoError(f, err)
	fakeLedger.looked = func() { // respond at once: the request runs
		for _, e := range fakeStream.events() {
			id := events.RequestID(e.Source(), e.ID())
			data, err := events.Requested.Data(e)
			if err != nil {
				continue // checked below
			}
			digest, err := ledger.Digest(data)
			if err != nil {
				continue
			}
			fakeLedger.requests = map[string]ledger.Receipt{id: {Request: ledger.Request{ID: id, Digest: digest, State: ledger.Accepted, FirstRunID: "run"}}}
		}
	}
	handler := g.handler
	f.Fuzz(func(t *testing.T, body string, deliver bool) {
		path := "/sync/incremental"
		if deliver {
			path = hookPath
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(defaultSignatureHeader, hexOf(testKey, body))
		request.RemoteAddr, request.Host = "127.0.0.1:1", "127.0.0.1"
		answer := httptest.NewRecorder()
		fakeStream.empty()
		handler.ServeHTTP(answer, request)

		if answer.Code == http.StatusOK || answer.Code == http.StatusAccepted {
			stored := fakeStream.events()
			require.Len(t, stored, 1)
			_, err := events.Requested.Data(stored[0])
			require.NoError(t, err, "the bridge can read what was taken")
			return
		}
		require.Empty(t, fakeStream.events(), "what is refused is not stored")
		require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, answer.Code, answer.Body)
		require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
		var problem map[string]any
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &problem))
		require.NotEmpty(t, problem["detail"], answer.Body)
	})
}

func (b *fakeStream) empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored.Clear()
}
