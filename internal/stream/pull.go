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

// Messages are fetched here and not by the jetstream package, because that takes every message
// without a body and with a Status header for a response of the server, also one that a client
// published: such a message would never reach the handler, or would end the consumption. Here
// a message is what has an acknowledgement subject as its reply subject, which only the server
// can set.

// pullRequest is the body of a request to $JS.API.CONSUMER.MSG.NEXT.
type pullRequest struct {
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes,omitempty"`
	NoWait    bool          `json:"no_wait"` // with Expires: respond as soon as there is a message
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

// pullError is a response of the server that rejects a request.
type pullError struct{ status, description string }

func (r *pullError) Error() string {
	return fmt.Sprintf("NATS answers %s %q", r.status, r.description)
}

// tooLarge reports whether a message is larger than the request allows.
func (r *pullError) tooLarge() bool { return strings.Contains(r.description, "MaxBytes") }

// limitedBy returns the request reduced to the limits of a consumer, which include those of the
// server.
func (r pullRequest) limitedBy(config jetstream.ConsumerConfig) pullRequest {
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

// pull returns up to a batch of messages as soon as there is one, or none once the request has
// expired. When ctx is done, it returns the messages received so far. accepted is called once
// the server has accepted the request.
func (c *Conn) pull(ctx context.Context, stream, consumer string, request pullRequest, accepted func()) ([]*nats.Msg, error) {
	inbox := c.nc.NewInbox()
	// A channel subscription, because the others interpret the Status header.
	answers := make(chan *nats.Msg, 2*request.Batch+16)
	sub, err := c.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, fmt.Errorf("subscribe for messages: %w", publishError(err))
	}
	defer func() { _ = sub.Unsubscribe() }()
	lost := c.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED) // the server drops the request
	defer c.nc.RemoveStatusListener(lost)
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode pull request: %w", err)
	}
	if err := c.nc.PublishRequest(c.fetchSubject(stream, consumer), inbox, body); err != nil {
		return nil, fmt.Errorf("request messages: %w", publishError(err))
	}
	return collect(ctx, answers, lost, request.Batch, 2*request.Heartbeat+time.Second, accepted)
}

// fetchSubject returns the request subject for messages of a consumer.
func (c *Conn) fetchSubject(stream, consumer string) string {
	return c.apiPrefix + "CONSUMER.MSG.NEXT." + stream + "." + consumer
}

// collect reads the responses to one pull request. Messages that arrived before an error are
// returned without it; the next pull returns the error again.
func collect(
	ctx context.Context, answers <-chan *nats.Msg, lost <-chan nats.Status, batch int, silence time.Duration, accepted func(),
) ([]*nats.Msg, error) {
	var messages []*nats.Msg
	timeout := time.NewTimer(silence)
	defer timeout.Stop()
	for len(messages) < batch {
		var err error
		select {
		case m := <-answers:
			if strings.HasPrefix(m.Reply, ackSubject) {
				messages = append(messages, m)
			} else if done, failed := parseStatus(m); done {
				accepted()
				return messages, nil
			} else {
				err = failed
			}
			if err == nil {
				accepted()
			}
		case <-timeout.C:
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
		timeout.Reset(silence)
	}
	return messages, nil
}

// parseStatus parses a response that is no message: done for no more messages, a heartbeat, or
// an error.
func parseStatus(m *nats.Msg) (done bool, err error) {
	switch status := m.Header.Get("Status"); status {
	case statusHeartbeat:
		return false, nil
	case statusNoMessages, statusTimeout:
		return true, nil
	case statusNoResponder:
		return false, nats.ErrNoResponders
	default:
		return false, &pullError{status, m.Header.Get("Description")}
	}
}

// CheckFetch returns an error if the server does not serve fetch requests for a consumer. No
// message is delivered, because the request allows a single byte.
func (c *Conn) CheckFetch(ctx context.Context, consumer string, batch int) error {
	stream, declared, err := findConsumer(consumer)
	if err != nil {
		return err
	}
	info, err := c.consumerInfo(ctx, stream, consumer)
	if err != nil {
		return lookupError("consumer "+stream+"/"+consumer, err)
	}
	if err := blockingError(compareConsumer(stream, declared, info.Config)); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	request := pullRequest{Batch: batch, NoWait: true}.limitedBy(info.Config)
	request.MaxBytes = 1
	_, err = c.pull(ctx, stream, consumer, request, func() {})
	var refused *pullError
	switch subject := c.fetchSubject(stream, consumer); {
	case errors.As(err, &refused) && refused.tooLarge(), errors.Is(err, errSilence): // there is a message, or the consumer has reached max_ack_pending
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
