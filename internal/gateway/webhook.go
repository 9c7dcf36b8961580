package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/internal/ledger"
)

// Webhooks say how deliveries from ServiceTitan are checked and what they lead to.
type Webhooks struct {
	// Keys are the HMAC keys by tenant: one, or two while one is being replaced.
	// A tenant without a key receives nothing.
	Keys map[string][]string
	// Header carries the signature.
	Header string
	// Encoding is how the signature is written: EncodingHex, EncodingBase64, or "" for
	// either.
	Encoding string
	// DeliveryHeader carries an id of the delivery, where the sender gives one.
	DeliveryHeader string
	// Entities ties an event type, or its first word, to the entities to read.
	// What is not listed leads to a sync of the default entities.
	Entities map[string][]string
	// Received, where it is set, is told what became of each delivery.
	Received func(WebhookResult)
}

// WebhookResult is what became of a delivery.
type WebhookResult string

// What becomes of deliveries.
const (
	WebhookTaken        WebhookResult = "taken"
	WebhookUnknownEvent WebhookResult = "unknownEvent" // taken: it leads to a sync of the default entities
	WebhookBadSignature WebhookResult = "badSignature"
	WebhookRefused      WebhookResult = "refused"     // it can never be taken as it is
	WebhookUnavailable  WebhookResult = "unavailable" // it could not be stored, and is to come again
)

// WebhookResults lists them.
var WebhookResults = []WebhookResult{WebhookTaken, WebhookUnknownEvent, WebhookBadSignature, WebhookRefused, WebhookUnavailable}

const (
	defaultSignatureHeader = "X-ServiceTitan-Signature"
	defaultDeliveryHeader  = "X-ServiceTitan-Delivery"

	// shortestKey is what ServiceTitan's portal takes.
	shortestKey = 32
	// a longer event type is not one
	longestType = 100
)

func (w Webhooks) withDefaults() Webhooks {
	if w.Header == "" {
		w.Header = defaultSignatureHeader
	}
	if w.DeliveryHeader == "" {
		w.DeliveryHeader = defaultDeliveryHeader
	}
	entities := entity.WebhookEntities()
	for name, list := range w.Entities {
		entities[strings.ToLower(name)] = list
	}
	w.Entities = entities
	if w.Received == nil {
		w.Received = func(WebhookResult) {}
	}
	return w
}

func (w Webhooks) check() error {
	var problems []error
	for _, tenant := range slices.Sorted(maps.Keys(w.Keys)) {
		for _, key := range w.Keys[tenant] {
			if len(key) < shortestKey {
				problems = append(problems, fmt.Errorf(
					"SERVICETITAN_WEBHOOK_SECRET of tenant %s: got %d characters, want at least %d", tenant, len(key), shortestKey))
			}
		}
	}
	return errors.Join(problems...)
}

// receiveWebhook turns a delivery into a request for an incremental sync. It
// answers once the request is stored, since ServiceTitan gives up after minutes.
func (g *Gateway) receiveWebhook(w http.ResponseWriter, r *http.Request) error {
	event, known, err := g.readWebhook(w, r)
	if err == nil {
		err = g.publish(r.Context(), event)
	}
	g.Webhooks.Received(resultOf(known, err))
	if err != nil {
		return err
	}
	// Not 202: ServiceTitan's pages disagree whether any 2xx will do.
	return writeJSON(w, http.StatusOK, map[string]string{"requestId": events.RequestID(event.Source(), event.ID())})
}

func resultOf(known bool, err error) WebhookResult {
	var p *Problem
	switch {
	case err == nil && known:
		return WebhookTaken
	case err == nil:
		return WebhookUnknownEvent
	case !errors.As(err, &p) || p.Status >= http.StatusInternalServerError:
		return WebhookUnavailable
	case p.Status == http.StatusUnauthorized:
		return WebhookBadSignature
	}
	return WebhookRefused
}

// readWebhook checks a delivery and makes its request. It is known whether the type of
// its event is one that names entities.
func (g *Gateway) readWebhook(w http.ResponseWriter, r *http.Request) (event events.Event, known bool, err error) {
	candidates, err := g.webhookTenants(r.PathValue("tenant"))
	if err != nil {
		return event, false, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return event, false, err
	}
	signers := slices.DeleteFunc(candidates, func(tenant string) bool {
		return !signed(g.Webhooks.Keys[tenant], g.Webhooks.Encoding, r.Header.Values(g.Webhooks.Header), body)
	})
	if len(signers) == 0 {
		return event, false, problem(http.StatusUnauthorized, "bad-signature", "Bad signature",
			"want one "+g.Webhooks.Header+" header with the HMAC-SHA256 of the body")
	}
	content, err := fields(body)
	if err != nil {
		return event, false, err
	}
	tenant, err := chooseTenant(signers, content)
	if err != nil {
		return event, false, err
	}
	return g.webhookEvent(tenant, content, body, r.Header.Get(g.Webhooks.DeliveryHeader))
}

// webhookTenants lists the tenants a delivery may be for: the one in the path, else
// every one that has a key.
func (g *Gateway) webhookTenants(named string) ([]string, error) {
	var list []string
	for tenant, keys := range g.Webhooks.Keys {
		if len(keys) > 0 && (named == "" || named == tenant) {
			list = append(list, tenant)
		}
	}
	if len(list) == 0 {
		return nil, problem(http.StatusNotFound, "not-found", "Not found", "no webhook is configured here")
	}
	slices.Sort(list)
	return list, nil
}

// chooseTenant finds the tenant among those whose key fits: several tenants of one
// app share its key, and then the body must name one.
func chooseTenant(signers []string, content map[string]json.RawMessage) (string, error) {
	if len(signers) == 1 {
		return signers[0], nil
	}
	named := text(content["tenantId"])
	if named == "" {
		var info struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(content["__tenantInfo"], &info) // absent or odd: no tenant named
		named = text(info.ID)
	}
	if slices.Contains(signers, named) {
		return named, nil
	}
	return "", invalid(field("tenantId", named, "one of "+strings.Join(signers, ", ")+", or the tenant in the path"))
}

// webhookEvent makes the request, one of its own for each delivery: what has the same
// bytes may tell of another change, and a delivery that is repeated because our answer got
// lost folds into the same pass. Where the sender numbers them, a repeat is the same request.
func (g *Gateway) webhookEvent(tenant string, content map[string]json.RawMessage, body []byte, delivery string) (_ events.Event, known bool, _ error) {
	id := rand.Text()
	if delivery != "" {
		sum := sha256.New()
		fmt.Fprintf(sum, "%s\x00", delivery)
		sum.Write(body)
		id = hex.EncodeToString(sum.Sum(nil))[:40]
	}
	data := events.RequestData{Mode: events.Incremental, TenantID: tenant, Reason: "webhook"}
	if kind := eventType(content); kind != "" {
		data.Reason += " " + kind
		data.Entities = g.Webhooks.entities(kind)
	}
	event, err := events.Requested.New(events.Attributes{
		ID:     id,
		Source: ledger.WebhookSource + tenant,
		Time:   g.Now().UTC(),
	}, data)
	if err != nil {
		return events.Event{}, false, fmt.Errorf("make request of webhook: %w", err)
	}
	return event, len(data.Entities) > 0, nil
}

// eventType finds the name of the event in the places where it has been seen.
func eventType(content map[string]json.RawMessage) string {
	var info struct {
		WebhookType string `json:"webhookType"`
	}
	_ = json.Unmarshal(content["__eventInfo"], &info) // absent or odd: no type there
	for _, name := range []string{
		text(content["eventType"]), info.WebhookType, text(content["webhookType"]), text(content["event"]), text(content["type"]),
	} {
		if name != "" && len(name) <= longestType && strings.IndexFunc(name, unusual) < 0 {
			return name
		}
	}
	return ""
}

func unusual(r rune) bool {
	return r > unicode.MaxASCII || (!unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_:/", r))
}

// text reads a JSON string or number as text.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// entities maps customer.updated, CustomerUpdated and customers-updated alike.
func (w Webhooks) entities(kind string) []string {
	if list, ok := w.Entities[strings.ToLower(kind)]; ok {
		return list
	}
	word := strings.ToLower(firstWord(kind))
	if list, ok := w.Entities[word]; ok {
		return list
	}
	return w.Entities[strings.TrimSuffix(word, "s")]
}

func firstWord(s string) string {
	for i, r := range s {
		if i > 0 && (!unicode.IsLetter(r) || unicode.IsUpper(r)) {
			return s[:i]
		}
	}
	return s
}

// publish stores an event in JetStream; what cannot be stored is worth another try.
func (g *Gateway) publish(ctx context.Context, event events.Event) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := g.Publisher.Publish(ctx, event); err != nil {
		return unavailable("the request could not be stored", err)
	}
	failpoint.Hit("gateway/published")
	return nil
}
