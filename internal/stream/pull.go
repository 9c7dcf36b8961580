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
	// A channel, since the other kinds of subscription look at the header too.
	answers := make(chan *nats.Msg, 2*batch+16)
	sub, err := c.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, fmt.Errorf("subscribe for messages: %w", publishError(err))
	}
	defer func() { _ = sub.Unsubscribe() }()
	lost := c.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED) // the server forgets the request
	defer c.nc.RemoveStatusListener(lost)
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
	return collect(ctx, answers, lost, batch, 2*heartbeat+time.Second)
}

// collect reads the answers to one pull request. What came before an error is
// handed out; the error shows again at the next pull.
func collect(
	ctx context.Context, answers <-chan *nats.Msg, lost <-chan nats.Status, batch int, silence time.Duration,
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
				return messages, nil
			} else {
				err = failed
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
		return false, fmt.Errorf("NATS answers %s %q", status, m.Header.Get("Description"))
	}
}
