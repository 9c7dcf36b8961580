package gateway

import (
	"cmp"
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

// Webhooks configure how webhooks from ServiceTitan are verified and handled.
type Webhooks struct {
	// Keys are the HMAC keys by tenant: one, or two during a rotation. Webhooks of a tenant
	// without a key are rejected.
	Keys map[string][]string
	// Header is the header with the signature.
	Header string
	// Encoding is the encoding of the signature: EncodingHex, EncodingBase64, or "" for
	// either.
	Encoding string
	// DeliveryHeader is the header with the ID of the delivery, if the sender sets one.
	DeliveryHeader string
	// Entities maps an event type, or its first word, to the entities to sync, in addition
	// to those of the catalogue. Other event types sync the default entities.
	Entities map[string][]string
	// OnDelivery is called with the result of each delivery. It may be nil.
	OnDelivery func(WebhookResult)
}

// WebhookResult is the result of a delivery, and the label value of its metric.
type WebhookResult string

// The results of deliveries.
const (
	WebhookAccepted     WebhookResult = "taken"
	WebhookUnknownEvent WebhookResult = "unknown_event" // accepted, for a sync of the default entities
	WebhookBadSignature WebhookResult = "bad_signature"
	WebhookInvalid      WebhookResult = "refused"     // invalid for another reason, a retry cannot succeed
	WebhookUnavailable  WebhookResult = "unavailable" // not stored; the sender retries
)

// WebhookResults lists all results.
var WebhookResults = []WebhookResult{WebhookAccepted, WebhookUnknownEvent, WebhookBadSignature, WebhookInvalid, WebhookUnavailable}

const (
	defaultSignatureHeader = "X-ServiceTitan-Signature"
	defaultDeliveryHeader  = "X-ServiceTitan-Delivery"

	// minKeyLength is the minimum length in ServiceTitan's portal.
	minKeyLength = 32
	// longer values are not event types
	maxEventType = 100
)

func (w Webhooks) withDefaults() Webhooks {
	w.Header = cmp.Or(w.Header, defaultSignatureHeader)
	w.DeliveryHeader = cmp.Or(w.DeliveryHeader, defaultDeliveryHeader)
	entities := entity.WebhookEntities()
	for name, list := range w.Entities {
		entities[strings.ToLower(name)] = list
	}
	w.Entities = entities
	if w.OnDelivery == nil {
		w.OnDelivery = func(WebhookResult) {}
	}
	return w
}

func (w Webhooks) check() error {
	var problems []error
	for _, tenant := range slices.Sorted(maps.Keys(w.Keys)) {
		for _, key := range w.Keys[tenant] {
			if len(key) < minKeyLength {
				problems = append(problems, fmt.Errorf(
					"webhook key of tenant %s: got %d characters, want at least %d", tenant, len(key), minKeyLength))
			}
		}
	}
	return errors.Join(problems...)
}

// receiveWebhook publishes a request for an incremental sync, or a refresh of the record. It responds once the request
// is stored, because ServiceTitan stops retrying after a few minutes.
func (g *Gateway) receiveWebhook(w http.ResponseWriter, r *http.Request) error {
	event, known, err := g.readWebhook(w, r)
	if err == nil {
		err = g.publish(r.Context(), event)
	}
	g.Webhooks.OnDelivery(resultOf(known, err))
	if err != nil {
		return err
	}
	// Not 202: ServiceTitan's documentation does not say clearly whether every 2xx is accepted.
	return writeJSON(w, http.StatusOK, map[string]string{"requestId": events.RequestID(event.Source(), event.ID())})
}

func resultOf(known bool, err error) WebhookResult {
	var p *Problem
	switch {
	case err == nil && known:
		return WebhookAccepted
	case err == nil:
		return WebhookUnknownEvent
	case !errors.As(err, &p) || p.Status >= http.StatusInternalServerError:
		return WebhookUnavailable
	case p.Status == http.StatusUnauthorized:
		return WebhookBadSignature
	}
	return WebhookInvalid
}

// readWebhook verifies a delivery and returns its request. known reports whether the event
// type has entities.
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
		return !isSigned(g.Webhooks.Keys[tenant], g.Webhooks.Encoding, r.Header.Values(g.Webhooks.Header), body)
	})
	if len(signers) == 0 {
		return event, false, problem(http.StatusUnauthorized, "bad-signature", "Invalid signature",
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

// webhookTenants lists the tenants that a delivery may be for: the one in the path, else all
// that have a key.
func (g *Gateway) webhookTenants(named string) ([]string, error) {
	var list []string
	for tenant, keys := range g.Webhooks.Keys {
		if len(keys) > 0 && (named == "" || named == tenant) {
			list = append(list, tenant)
		}
	}
	if len(list) == 0 {
		return nil, problem(http.StatusNotFound, "not-found", "Not found", "no webhook is configured for this path")
	}
	slices.Sort(list)
	return list, nil
}

// chooseTenant returns the tenant of a delivery. If several tenants share the key of an app,
// the body must name the tenant.
func chooseTenant(signers []string, content map[string]json.RawMessage) (string, error) {
	if len(signers) == 1 {
		return signers[0], nil
	}
	named := text(content["tenantId"])
	if named == "" {
		var info struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(content["__tenantInfo"], &info) // absent or of another type: no tenant
		named = text(info.ID)
	}
	if slices.Contains(signers, named) {
		return named, nil
	}
	return "", invalid(field("tenantId", named, "one of "+strings.Join(signers, ", ")+", or the tenant in the path"))
}

// webhookEvent returns the request for a delivery. Each delivery is a request of its own,
// because equal bytes may report different changes; a repeated delivery is coalesced into
// the same run. If the sender numbers its deliveries, a repetition has the ID of the same
// request.
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
		data = g.Webhooks.request(kind, text(content["id"]), data)
	}
	event, err := events.Requested.New(events.Attributes{
		ID:     id,
		Source: ledger.WebhookSource + tenant,
		Time:   g.Now().UTC(),
	}, data)
	if err != nil {
		return events.Event{}, false, fmt.Errorf("create request for webhook: %w", err)
	}
	return event, len(data.Entities) > 0, nil
}

// eventType returns the event type from one of the fields where it has been observed, or "".
func eventType(content map[string]json.RawMessage) string {
	var info struct {
		WebhookType string `json:"webhookType"`
	}
	_ = json.Unmarshal(content["__eventInfo"], &info) // absent or of another type: no event type
	for _, name := range []string{
		text(content["eventType"]), info.WebhookType, text(content["webhookType"]), text(content["event"]), text(content["type"]),
	} {
		if name != "" && len(name) <= maxEventType && strings.IndexFunc(name, isNotInEventType) < 0 {
			return name
		}
	}
	return ""
}

func isNotInEventType(r rune) bool {
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

// entities returns the entities of an event type. It maps customer.updated, CustomerUpdated
// and customers-updated alike.
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

// publish stores an event in JetStream. A failure can be retried.
func (g *Gateway) publish(ctx context.Context, event events.Event) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := g.Publisher.Publish(ctx, event); err != nil {
		return unavailable("the request was not stored", err)
	}
	failpoint.Hit("gateway/published")
	return nil
}
