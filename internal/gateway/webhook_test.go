package gateway

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	testKey    = "0123456789abcdef0123456789abcdef"
	otherKey   = "fedcba9876543210fedcba9876543210"
	hookPath   = "/webhooks/servicetitan"
	sampleBody = `{"eventType": "job.completed", "id": 17,  "modifiedOn":"2026-03-01T11:59:58.1234567Z"}`
)

func mac(key, body string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(body))
	return m.Sum(nil)
}

func hexOf(key, body string) string { return hex.EncodeToString(mac(key, body)) }

func base64Of(e *base64.Encoding, key, body string) string { return e.EncodeToString(mac(key, body)) }

func TestWebhookSignatures(t *testing.T) {
	t.Parallel()
	const name = "X-ServiceTitan-Signature"
	hexa := hexOf(testKey, sampleBody)
	reserialised := `{"eventType":"job.completed","id":17,"modifiedOn":"2026-03-01T11:59:58.1234567Z"}`
	for what, c := range map[string]struct {
		headers []string
		status  int
	}{
		"hex":                       {[]string{name, hexa}, 200},
		"hex in capitals":           {[]string{name, strings.ToUpper(hexa)}, 200},
		"hex with prefix":           {[]string{name, "sha256=" + hexa}, 200},
		"header in another case":    {[]string{"x-servicetitan-SIGNATURE", hexa}, 200},
		"base64":                    {[]string{name, base64Of(base64.StdEncoding, testKey, sampleBody)}, 200},
		"base64 with prefix":        {[]string{name, "SHA256=" + base64Of(base64.StdEncoding, testKey, sampleBody)}, 200},
		"base64 without padding":    {[]string{name, base64Of(base64.RawStdEncoding, testKey, sampleBody)}, 200},
		"base64 for URLs":           {[]string{name, base64Of(base64.URLEncoding, testKey, sampleBody)}, 200},
		"the key being replaced":    {[]string{name, hexOf(otherKey, sampleBody)}, 200},
		"none":                      {nil, 401},
		"empty":                     {[]string{name, ""}, 401},
		"prefix alone":              {[]string{name, "sha256="}, 401},
		"an unknown key":            {[]string{name, hexOf("another key that is not configured", sampleBody)}, 401},
		"an empty key":              {[]string{name, hexOf("", sampleBody)}, 401},
		"of re-serialised JSON":     {[]string{name, hexOf(testKey, reserialised)}, 401},
		"given twice":               {[]string{name, hexa, name, hexa}, 401},
		"given twice in one header": {[]string{name, hexa + ", " + hexa}, 401},
		"too short":                 {[]string{name, hexa[:62]}, 401},
		"too long":                  {[]string{name, hexa + "00"}, 401},
		"one digit wrong":           {[]string{name, flip(hexa)}, 401},
		"not hex":                   {[]string{name, strings.Repeat("zz", 32)}, 401},
		"not base64":                {[]string{name, strings.Repeat("?", 44)}, 401},
		"another algorithm":         {[]string{name, "sha1=" + hexa}, 401},
		"in another header":         {[]string{"X-Signature", hexa}, 401},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t, func(o *Options) { o.Webhooks.Keys = map[string][]string{"1001": {testKey, otherKey}} })
			got := s.send(http.MethodPost, hookPath, sampleBody, append([]string{"Content-Type", "application/json"}, c.headers...)...)
			require.Equal(t, c.status, got.status, got.body)
			if c.status == 401 {
				got.isProblem(t, 401, "want one X-ServiceTitan-Signature header with the HMAC-SHA256 of the body")
				require.Empty(t, s.fakeStream.events())
				return
			}
			require.Len(t, s.fakeStream.events(), 1)
		})
	}
}

func TestWebhookSignatureEncodingCanBeRestricted(t *testing.T) {
	t.Parallel()
	hexa, base := hexOf(testKey, sampleBody), base64Of(base64.StdEncoding, testKey, sampleBody)
	for _, c := range []struct {
		encoding, signature string
		status              int
	}{
		{EncodingHex, hexa, 200},
		{EncodingHex, "sha256=" + hexa, 200},
		{EncodingHex, base, 401},
		{EncodingBase64, base, 200},
		{EncodingBase64, "sha256=" + base, 200},
		{EncodingBase64, hexa, 401},
	} {
		s := open(t, func(o *Options) { o.Webhooks.Header, o.Webhooks.Encoding = "X-ST-Signature", c.encoding })
		got := s.send(http.MethodPost, hookPath, sampleBody, "X-ST-Signature", c.signature)
		require.Equal(t, c.status, got.status, "%s %s", c.encoding, c.signature)
	}
}

func TestWebhooksAreCountedByResult(t *testing.T) {
	t.Parallel()
	var results []WebhookResult
	s := open(t, func(o *Options) {
		o.Webhooks.OnDelivery = func(r WebhookResult) { results = append(results, r) }
	})
	require.Equal(t, 200, s.deliver(hookPath, sampleBody).status)
	require.Equal(t, 200, s.deliver(hookPath, `{"eventType":"weather.changed"}`).status)
	s.send(http.MethodPost, hookPath, sampleBody)
	s.deliver(hookPath, `[]`)
	s.deliver(hookPath+"/2002", sampleBody)
	s.fakeStream.refuse = errors.New("full")
	s.deliver(hookPath, sampleBody)
	require.Equal(t, []WebhookResult{
		WebhookAccepted, WebhookUnknownEvent, WebhookBadSignature, WebhookInvalid, WebhookInvalid, WebhookUnavailable,
	}, results)
}

func flip(s string) string {
	last := "0"
	if strings.HasSuffix(s, "0") {
		last = "1"
	}
	return s[:len(s)-1] + last
}

// deliver sends a signed webhook.
func (s *testServer) deliver(path, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(http.MethodPost, path, body,
		append([]string{"X-ServiceTitan-Signature", hexOf(testKey, body), "Content-Type", "application/json"}, headers...)...)
}

func TestWebhooksAreAccepted(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		path, body string
		headers    []string
	}{
		"a body of the largest size": {body: `{"a":"` + strings.Repeat("x", maxBody-8) + `"}`},
		"no content type":            {body: sampleBody, headers: []string{"Content-Type", ""}},
		"JSON of a special kind":     {body: sampleBody, headers: []string{"Content-Type", "application/vnd.st+json; charset=UTF-8"}},
		"an empty object":            {body: "{}"},
		"the tenant's path":          {path: "/1001", body: sampleBody},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t, nil)
			headers := append([]string{"X-ServiceTitan-Signature", hexOf(testKey, c.body)}, c.headers...)
			got := s.send(http.MethodPost, hookPath+c.path, c.body, headers...)
			require.Equal(t, 200, got.status, got.body)
			require.Len(t, s.fakeStream.events(), 1)
		})
	}
}

func TestWebhookBecomesAnIncrementalRequest(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	got := s.deliver(hookPath, sampleBody)
	require.Equal(t, 200, got.status)
	stored := s.fakeStream.events()
	require.Len(t, stored, 1)
	event := stored[0]
	require.Equal(t, "/lazisync/webhooks/servicetitan/1001", event.Source())
	require.Equal(t, map[string]any{"requestId": events.RequestID(event.Source(), event.ID())}, got.json(t))
	data, err := events.Requested.Data(event)
	require.NoError(t, err)
	require.Equal(t, events.RequestData{
		Mode: events.Incremental, TenantID: "1001", Entities: []string{"jobs"}, IDs: []events.RecordID{"17"}, Reason: "webhook job.completed",
	}, data)
}

// A delivery that names one record of one entity reads that record; every other one reads what changed.
func TestWebhookReadsTheRecordThatItNames(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"eventType":"job.completed","id":17}`:                  "17",
		`{"eventType":"job.completed","id":"17"}`:                "17",
		`{"eventType":"customers-updated","id":17}`:              "17",
		`{"__eventInfo":{"webhookType":"JobScheduled"},"id":17}`: "17",
		`{"event":"jobCompleted","id":9223372036854775807}`:      "9223372036854775807",
		`{"eventType":"Location.Updated","id":17}`:               "17",
		`{"eventType":"purchase_order.updated","id":17}`:         "17",
		`{"eventType":"pricebook_category.changed","id":17}`:     "",
		`{"eventType":"job.deleted","id":17}`:                    "", // the list does not show it
		`{"eventType":"JobRemoved","id":17}`:                     "",
		`{"eventType":"job.note.created","id":17}`:               "", // the id of a note
		`{"eventType":"JobNoteCreated","id":17}`:                 "",
		`{"eventType":"payment.created","id":17}`:                "", // the id of a payment, which changes its invoice
		`{"eventType":"special.thing","id":17}`:                  "",
		`{"eventType":"job","id":17}`:                            "",
		`{"eventType":"job.completed"}`:                          "",
		`{"eventType":"job.completed","id":null}`:                "",
		`{"eventType":"job.completed","id":"J-17"}`:              "",
		`{"eventType":"job.completed","id":0}`:                   "",
		`{"eventType":"job.completed","id":1.5}`:                 "",
		`{"eventType":"job.completed","id":[17]}`:                "",
		`{"eventType":"job.completed","id":"17,18"}`:             "",
		`{"eventType":"call.completed","id":17}`:                 "",
		`{"id":17}`:                                              "",
	} {
		s := open(t, func(o *Options) {
			o.Webhooks.Entities = map[string][]string{
				"special.thing": {"customers", "jobs"}, "location.updated": {"locations"}, "purchase_order.updated": {"purchase_orders"},
				"pricebook_category.changed": {"pricebook_categories"}, "call.completed": {"calls"},
			}
		})
		require.Equal(t, 200, s.deliver(hookPath, body).status, body)
		event := s.fakeStream.events()[0]
		data, _, err := events.Validator{Tenants: s.gateway.Tenants, Entities: entity.Names(), Refreshes: ledger.Refreshes()}.Request(event)
		require.NoError(t, err, body)
		if want == "" {
			require.Empty(t, data.IDs, body)
			continue
		}
		require.Equal(t, []events.RecordID{events.RecordID(want)}, data.IDs, body)
	}
}

func TestWebhookIdentity(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	first := s.deliver(hookPath, sampleBody)
	require.NotEqual(t, first.body, s.deliver(hookPath, sampleBody).body, "the same bytes may report another change")
	numbered := s.deliver(hookPath, sampleBody, "X-ServiceTitan-Delivery", "d1")
	require.Equal(t, numbered.body, s.deliver(hookPath, sampleBody, "X-ServiceTitan-Delivery", "d1").body, "repeated because our answer was lost")
	require.NotEqual(t, numbered.body, s.deliver(hookPath, sampleBody, "X-ServiceTitan-Delivery", "d2").body, "another delivery")
	require.NotEqual(t, numbered.body, s.deliver(hookPath, sampleBody+" ", "X-ServiceTitan-Delivery", "d1").body, "other bytes")
	require.Len(t, s.fakeStream.events(), 5)
}

func TestWebhookEntities(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"eventType":"customer.created"}`:               {"customers"},
		`{"eventType":"CustomerUpdated"}`:                {"customers"},
		`{"eventType":"customers-updated"}`:              {"customers"},
		`{"event":"jobCompleted"}`:                       {"jobs"},
		`{"__eventInfo":{"webhookType":"JobScheduled"}}`: {"jobs"},
		`{"webhookType":"invoice_updated"}`:              {"invoices"},
		`{"type":"estimate.sold"}`:                       {"estimates"},
		`{"type":"payment.created"}`:                     {"invoices"},
		`{"eventType":"special.thing"}`:                  {"customers", "jobs"},
		`{"eventType":"appointment.created"}`:            {"jobs"},
		`{"eventType":"call.completed"}`:                 nil,
		`{"type":"Residential","name":"A customer"}`:     nil,
		`{"event":{"nested":true},"eventType":7}`:        nil,
		`{"__eventInfo":"odd","eventType":null}`:         nil,
		`{"eventType":"a b\u0000<script>"}`:              nil,
		`{}`:                                             nil,
	} {
		s := open(t, func(o *Options) {
			o.Webhooks.Entities = map[string][]string{"special.thing": {"customers", "jobs"}, "Appointment": {"jobs"}}
		})
		require.Equal(t, 200, s.deliver(hookPath, body).status, body)
		data, err := events.Requested.Data(s.fakeStream.events()[0])
		require.NoError(t, err)
		require.Equal(t, want, data.Entities, body)
		require.NotContains(t, data.Reason, "<")
	}
}

func TestWebhookTenants(t *testing.T) {
	t.Parallel()
	keys := map[string][]string{"1001": {testKey}, "1002": {testKey}, "1003": {otherKey}, "1004": nil}
	for what, c := range map[string]struct {
		path, key, body string
		want            string
		status          int
	}{
		"path decides":                {hookPath + "/1002", testKey, `{"__tenantInfo":{"id":1001}}`, "1002", 200},
		"the only key that fits":      {hookPath, otherKey, `{}`, "1003", 200},
		"shared key, tenant named":    {hookPath, testKey, `{"__tenantInfo":{"id":1002}}`, "1002", 200},
		"shared key, tenantId":        {hookPath, testKey, `{"tenantId":"1001"}`, "1001", 200},
		"shared key, no tenant named": {hookPath, testKey, `{}`, "", 422},
		"shared key, another named":   {hookPath, testKey, `{"tenantId":1003}`, "", 422},
		"another tenant's key":        {hookPath + "/1003", testKey, `{}`, "", 401},
		"a tenant without a key":      {hookPath + "/1004", "", `{}`, "", 404},
		"an unknown tenant":           {hookPath + "/1005", testKey, `{}`, "", 404},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t, func(o *Options) { o.Webhooks.Keys = keys })
			got := s.send(http.MethodPost, c.path, c.body, "X-ServiceTitan-Signature", hexOf(c.key, c.body))
			require.Equal(t, c.status, got.status, got.body)
			if c.status != 200 {
				require.Empty(t, s.fakeStream.events())
				return
			}
			data, err := events.Requested.Data(s.fakeStream.events()[0])
			require.NoError(t, err)
			require.Equal(t, c.want, data.TenantID)
		})
	}
}

func TestWebhookIsNotAcceptedUnlessStored(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeStream.refuse = errors.New("stream SYNC_COMMANDS is full, nats://user:password@host")
	got := s.deliver(hookPath, sampleBody)
	got.isProblem(t, 503, "the request was not stored, retry later")
	require.Equal(t, "10", got.header.Get("Retry-After"))
	require.NotContains(t, got.body, "SYNC_COMMANDS", "why is for the log")
	require.Contains(t, s.log.String(), "SYNC_COMMANDS is full")
}

func TestWebhookNeedsNoToken(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("ops", Operator, "secret")} })
	require.Equal(t, 200, s.deliver(hookPath, sampleBody, "Host", "hooks.example.com", "Origin", "https://elsewhere").status)
}

func TestShortWebhookKeysAreRejected(t *testing.T) {
	t.Parallel()
	_, err := New(Options{Webhooks: Webhooks{Keys: map[string][]string{"1": {"short-secret"}, "2": {testKey, "brief"}}}})
	require.EqualError(t, err, "webhook key of tenant 1: got 12 characters, want at least 32\n"+
		"webhook key of tenant 2: got 5 characters, want at least 32")
}

// A sender that does not finish gets a response instead of holding the connection.
func TestUnfinishedWebhookBodyTimesOut(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	limited := serveWithin(t, s, 500*time.Millisecond, 0)
	connection, err := net.Dial("tcp", limited)
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", hookPath)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 408, response.StatusCode, string(body))
	require.Empty(t, s.fakeStream.events())
}
