package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/message"
)

// Options configure a Sender.
type Options struct {
	URL     string       // of the receiver, a secret
	Secrets []string     // keys in the form whsec_…; while one is replaced, both sign
	RunURL  string       // link to a run, with the placeholders {workflowId}, {runId} and {runNumber}; may be empty
	HTTP    *http.Client // default: a client with a timeout of ten seconds
	Logger  zerolog.Logger
	Now     func() time.Time // default time.Now
}

// Sender posts signed messages to one receiver. It is safe for concurrent use.
type Sender struct {
	url    notify.WebhookURL
	keys   []*standardwebhooks.Webhook
	runURL string
	poster *notify.Poster
	logger zerolog.Logger
	now    func() time.Time
}

// New returns a Sender. The error says what is wrong with the URL or with a secret, without
// its value.
func New(o Options) (*Sender, error) {
	s := &Sender{
		url: notify.WebhookURL(o.URL), runURL: o.RunURL, poster: notify.NewPoster(o.HTTP, o.Now), logger: o.Logger, now: o.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if o.URL == "" {
		return nil, errors.New("webhook: no URL")
	}
	if err := s.url.Check("webhook"); err != nil {
		return nil, err
	}
	if len(o.Secrets) == 0 {
		return nil, errors.New("webhook: no secret to sign with")
	}
	for i, secret := range o.Secrets {
		key, err := standardwebhooks.NewWebhook(secret)
		if err != nil || !strings.HasPrefix(secret, secretPrefix) {
			return nil, fmt.Errorf("webhook: secret %d: got ***, want %s and a key in base64", i+1, secretPrefix)
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

const secretPrefix = "whsec_"

// Send posts one message. A receiver that rejects the JSON body gets the text alone.
func (s *Sender) Send(ctx context.Context, list []notify.Notification) error {
	now := s.now()
	r := message.Renderer{RunURL: s.runURL, Now: now}
	id := messageID(list)
	encoded, err := encode(newPayload(list, r))
	if err != nil {
		return fmt.Errorf("encode notification for %s: %w", list[0].To, err)
	}
	body, err := s.sign(id, now, encoded, "application/json")
	if err != nil {
		return err
	}
	plain, err := s.sign(id, now, []byte(r.Message(list).Text()), "text/plain; charset=utf-8")
	if err != nil {
		return err
	}
	return s.poster.Send(ctx, list[0].To, s.url, body, plain, func(e *notify.Error) {
		s.logger.Warn().Int("status", e.Status).Str("response", e.Text).Msg("webhook rejected the JSON body, sending plain text")
	})
}

// sign returns a body with the headers of the specification: one signature per secret.
func (s *Sender) sign(id string, now time.Time, content []byte, contentType string) (notify.Body, error) {
	signatures := make([]string, len(s.keys))
	for i, key := range s.keys {
		signature, err := key.Sign(id, now, content)
		if err != nil {
			return notify.Body{}, fmt.Errorf("sign webhook: %w", err)
		}
		signatures[i] = signature
	}
	header := http.Header{}
	header.Set("Content-Type", contentType)
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return notify.Body{Content: content, Header: header}, nil
}
