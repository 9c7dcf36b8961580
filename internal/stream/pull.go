package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pull asks a consumer for messages. The jetstream package can do it too, but it
// takes every message without a body and with a Status header for an answer of
// the server, also one that somebody published: such a message would never
// reach a handler, or end the consumption. Here a message is what has a subject
// to acknowledge on, which only the server can give.

// pullRequest is the body of a request to $JS.API.CONSUMER.MSG.NEXT.
type pullRequest struct {
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes,omitempty"`
	NoWait    bool          `json:"no_wait"` // with expires: answer as soon as there is anything
	Expires   time.Duration `json:"expires,omitempty"`
	Heartbeat time.Duration `json:"idle_heartbeat,omitempty"`
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

// refusal is an answer of the server that says that it does not serve a request.
type refusal struct{ status, description string }

func (r *refusal) Error() string { return fmt.Sprintf("NATS answers %s %q", r.status, r.description) }

// tooLarge reports whether a message is larger than what the request allowed.
func (r *refusal) tooLarge() bool { return strings.Contains(r.description, "MaxBytes") }

// within is a request that a consumer of this configuration serves: it asks for no more
// than the consumer, or the server through it, allows.
func (r pullRequest) within(config jetstream.ConsumerConfig) pullRequest {
	if limit := config.MaxRequestBatch; limit > 0 {
		r.Batch = min(r.Batch, limit)
	}
	if limit := config.MaxRequestMaxBytes; limit > 0 {
		r.MaxBytes = min(r.MaxBytes, limit)
	}
	if limit := config.MaxRequestExpires; limit > 0 {
		r.Expires = min(r.Expires, limit)
	}
	r.Heartbeat = min(r.Expires/4, r.Heartbeat)
	return r
}

// pull returns as soon as there is anything, with up to a batch of messages, or with
// none once the request has expired. It returns what it got when ctx is done. accepted is
// called when the server has shown that it serves the request.
func (c *Conn) pull(ctx context.Context, stream, consumer string, request pullRequest, accepted func()) ([]*nats.Msg, error) {
	inbox := c.nc.NewInbox()
	// A channel, since the other kinds of subscription look at the header too.
	answers := make(chan *nats.Msg, 2*request.Batch+16)
	sub, err := c.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, fmt.Errorf("subscribe for messages: %w", publishError(err))
	}
	defer func() { _ = sub.Unsubscribe() }()
	lost := c.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED) // the server forgets the request
	defer c.nc.RemoveStatusListener(lost)
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode pull request: %w", err)
	}
	if err := c.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+stream+"."+consumer, inbox, body); err != nil {
		return nil, fmt.Errorf("ask for messages: %w", publishError(err))
	}
	return collect(ctx, answers, lost, request.Batch, 2*request.Heartbeat+time.Second, accepted)
}

// collect reads the answers to one pull request. What came before an error is
// handed out; the error shows again at the next pull.
func collect(
	ctx context.Context, answers <-chan *nats.Msg, lost <-chan nats.Status, batch int, silence time.Duration, accepted func(),
) ([]*nats.Msg, error) {
	var messages []*nats.Msg
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for len(messages) < batch {
		var err error
		select {
		case m := <-answers:
			if strings.HasPrefix(m.Reply, ackSubject) {
				messages = append(messages, m)
			} else if done, failed := verdict(m); done {
				accepted()
				return messages, nil
			} else {
				err = failed
			}
			if err == nil {
				accepted()
			}
		case <-quiet.C:
			err = fmt.Errorf("%w for %s", errSilence, silence)
		case <-lost:
			err = ErrDisconnected
		case <-ctx.Done():
			return messages, nil
		}
		if err != nil && len(messages) > 0 {
			return messages, nil
		}
		if err != nil {
			return nil, err
		}
		quiet.Reset(silence)
	}
	return messages, nil
}

// verdict reads an answer that is no message: that there is no more, a sign of
// life, or an error.
func verdict(m *nats.Msg) (done bool, err error) {
	switch status := m.Header.Get("Status"); status {
	case statusHeartbeat:
		return false, nil
	case statusNoMessages, statusTimeout:
		return true, nil
	case statusNoResponder:
		return false, nats.ErrNoResponders
	default:
		return false, &refusal{status, m.Header.Get("Description")}
	}
}

// CheckFetch says why the server would not serve our requests for messages of a consumer,
// or nil. No message is delivered: the request has room for none.
func (c *Conn) CheckFetch(ctx context.Context, consumer string, batch int) error {
	stream, declared, ok := findConsumer(consumer)
	if !ok {
		return fmt.Errorf("consumer %q is not declared", consumer)
	}
	info, err := c.consumerInfo(ctx, stream, consumer)
	if err != nil {
		return lookupError("consumer "+stream+"/"+consumer, err)
	}
	if err := blocked(compareConsumer(stream, declared, info.Config)); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	request := pullRequest{Batch: batch, NoWait: true}.within(info.Config)
	request.MaxBytes = 1
	_, err = c.pull(ctx, stream, consumer, request, func() {})
	var refused *refusal
	switch subject := "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer; {
	case errors.As(err, &refused) && refused.tooLarge(), errors.Is(err, errSilence): // there is a message; or as many are unsettled as may be
		err = nil
		fallthrough
	case err == nil:
		if denied := c.denied(subject); denied != nil {
			err = denied
		}
	}
	if err != nil {
		return fmt.Errorf("fetch messages from consumer %s: %w", consumer, err)
	}
	return nil
}
