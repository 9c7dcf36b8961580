package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Webhooks sends a signed delivery for every change, as ServiceTitan does for a
// subscription: at least once, in any order, and not again after the last retry.
type Webhooks struct {
	options WebhookOptions
	queue   chan Change
	posting chan struct{} // one slot per delivery in progress
}

// postsAtOnce is the maximum number of concurrent deliveries of a subscription.
const postsAtOnce = 64

// WebhookOptions configure a subscription.
type WebhookOptions struct {
	URL    string
	Secret string
	Header string // header with the signature; default DefaultWebhookHeader
	Tenant int64

	Delays []time.Duration // before each retry; 10, 30, 60 and 300 s unless set
	Client *http.Client
	Logger zerolog.Logger
}

// NewWebhooks returns a subscription. Pass its Notify to Business.OnChange.
func NewWebhooks(o WebhookOptions) *Webhooks {
	setDefault(&o.Header, DefaultWebhookHeader)
	setDefault(&o.Tenant, DefaultTenant)
	if o.Delays == nil {
		o.Delays = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: postsAtOnce}}
	}
	return &Webhooks{options: o, queue: make(chan Change, 20_000), posting: make(chan struct{}, postsAtOnce)}
}

// Notify queues a delivery. It never blocks: if the queue is full, the event is dropped.
func (h *Webhooks) Notify(c Change) {
	select {
	case h.queue <- c:
	default:
		h.options.Logger.Warn().Str("event_type", c.Event).Int64("id", c.ID).Msg("webhook dropped, queue full")
	}
}

// Run sends queued deliveries until ctx ends, then waits for those in progress.
func (h *Webhooks) Run(ctx context.Context) {
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-h.queue:
			deliveries.Go(func() { h.deliver(ctx, c) })
		}
	}
}

// deliver sends one event until it is accepted or the retries are exhausted.
func (h *Webhooks) deliver(ctx context.Context, c Change) {
	body := h.payload(c)
	for attempt := 0; ; attempt++ {
		err := h.post(ctx, body)
		if err == nil || ctx.Err() != nil {
			return
		}
		log := h.options.Logger.Warn().Err(err).Str("event_type", c.Event).Int64("id", c.ID)
		if attempt == len(h.options.Delays) {
			log.Msg("webhook failed, retries exhausted")
			return
		}
		log.Dur("retry_in", h.options.Delays[attempt]).Msg("webhook failed, retrying")
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.options.Delays[attempt]):
		}
	}
}

func (h *Webhooks) post(ctx context.Context, body []byte) error {
	h.posting <- struct{}{}
	defer func() { <-h.posting }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.options.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(h.options.Header, Signature(h.options.Secret, body))
	response, err := h.options.Client.Do(request)
	if err != nil {
		return fmt.Errorf("send webhook: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("webhook got status %s, want 2xx", response.Status)
	}
	return nil
}

// Signature returns the HMAC-SHA256 of a body in hex.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// payload returns the record with the fields of the event. Its eventId is a time and not
// unique.
func (h *Webhooks) payload(c Change) []byte {
	p := jsonWriter{buf: make([]byte, 0, len(c.Record)+256)}
	p.buf = append(p.buf, c.Record[:len(c.Record)-1]...)
	p.text("eventId", c.At.Format(timestampLayout))
	p.text("eventType", c.Event)
	p.object("__tenantInfo", func() {
		p.int("id", h.options.Tenant)
		p.text("name", "simulated-"+strconv.FormatInt(h.options.Tenant, 10))
	})
	p.buf = append(p.buf, '}')
	return p.buf
}
