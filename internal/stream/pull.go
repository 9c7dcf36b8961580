package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// pull asks a consumer for messages. The jetstream package can do it too, but it
// takes every message without a body and with a Status header for an answer of
// the server, also one that somebody published: such a message would never
// reach a handler, or end the consumption. Here a message is what has a subject
// to acknowledge on, which only the server can give.

// pullRequest is the body of a request to $JS.API.CONSUMER.MSG.NEXT.
type pullRequest struct {
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes"`
	NoWait    bool          `json:"no_wait"` // with expires: answer as soon as there is anything
	Expires   time.Duration `json:"expires"`
	Heartbeat time.Duration `json:"idle_heartbeat"`
}

const (
	maxPullBytes = 16 * mib
	ackSubject   = "$JS.ACK."

	statusHeartbeat   = "100"
	statusNoMessages  = "404"
	statusTimeout     = "408"
	statusNoResponder = "503"
)

var errSilence = errors.New("NATS does not answer")

// pull returns as soon as there is anything, with up to batch messages, or with
// none once wait has passed. It returns what it got when ctx is done.
func (c *Conn) pull(ctx context.Context, stream, consumer string, batch int, wait time.Duration) ([]*nats.Msg, error) {
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("subscribe for messages: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("lift limits: %w", err)
	}
	heartbeat := min(wait/4, 2*time.Second)
	body, err := json.Marshal(pullRequest{
		Batch: batch, MaxBytes: maxPullBytes, NoWait: true, Expires: wait, Heartbeat: heartbeat,
	})
	if err != nil {
		return nil, fmt.Errorf("encode pull request: %w", err)
	}
	if err := c.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+stream+"."+consumer, inbox, body); err != nil {
		return nil, fmt.Errorf("ask for messages: %w", publishError(err))
	}
	return collect(ctx, sub, batch, 2*heartbeat+time.Second)
}

// collect reads the answers to one pull request. What came before an error is
// handed out; the error shows again at the next pull.
func collect(ctx context.Context, sub *nats.Subscription, batch int, silence time.Duration) ([]*nats.Msg, error) {
	messages := make([]*nats.Msg, 0, min(batch, 64))
	for len(messages) < batch {
		m, err := next(ctx, sub, silence)
		if err != nil {
			if len(messages) > 0 || ctx.Err() != nil {
				return messages, nil
			}
			return nil, err
		}
		if strings.HasPrefix(m.Reply, ackSubject) {
			messages = append(messages, m)
			continue
		}
		switch status := m.Header.Get("Status"); status {
		case statusHeartbeat:
		case statusNoMessages, statusTimeout:
			return messages, nil
		default:
			if len(messages) > 0 {
				return messages, nil
			}
			return nil, statusError(status, m.Header.Get("Description"))
		}
	}
	return messages, nil
}

func next(ctx context.Context, sub *nats.Subscription, silence time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	m, err := sub.NextMsgWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w for %s", errSilence, silence)
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, statusError(statusNoResponder, "")
	}
	if err != nil {
		return nil, fmt.Errorf("wait for messages: %w", err)
	}
	return m, nil
}

func statusError(status, description string) error {
	if status == statusNoResponder {
		return nats.ErrNoResponders
	}
	return fmt.Errorf("NATS answers %s %q", status, description)
}
