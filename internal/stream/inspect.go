package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// codeOtherStream is the server's answer to a message that names the stream it expects
// to be stored in, where another takes its subject.
const codeOtherStream jetstream.ErrorCode = 10060

const (
	noStream   = "LAZISYNC_NO_SUCH_STREAM" // the name of no stream
	noSequence = 1 << 62                   // the number of no message
)

// probeTimeout is for an answer that does not come where a permission lacks.
const probeTimeout = 2 * time.Second

// ServerState is what a NATS server tells of itself.
type ServerState struct {
	Address string // without a password
	Version string
	RTT     time.Duration // how long a round trip took
	TLS     bool
}

// StreamState is how full a stream is, and who reads it.
type StreamState struct {
	Name               string
	Messages           uint64
	Bytes              uint64
	MaxBytes           int64 // -1 for no limit
	MaxAge             time.Duration
	LastStored         time.Time         // when the latest message was stored
	Full               error             // why it refuses more, nil where it has room
	UndeclaredSubjects map[string]uint64 // messages by subjects that are not the stream's, which no consumer reads
	Consumers          []ConsumerState
}

// ConsumerState is how far a durable consumer is.
type ConsumerState struct {
	Name         string
	Pending      uint64 // messages that were never delivered
	AckPending   int    // messages that were delivered and not settled
	WaitingPulls int    // requests for messages that wait: 0 where nobody consumes
}

// Server looks at the server this connection uses.
func (c *Conn) Server(context.Context) (ServerState, error) {
	if !c.nc.IsConnected() {
		return ServerState{}, c.disconnected()
	}
	took, err := c.nc.RTT()
	if err != nil {
		return ServerState{}, fmt.Errorf("ask NATS for an answer: %w", err)
	}
	return ServerState{
		Address: c.nc.ConnectedUrlRedacted(), Version: c.nc.ConnectedServerVersion(), RTT: took, TLS: c.nc.TLSRequired(),
	}, nil
}

// Streams looks at the declared streams that are there, and at the consumers named.
func (c *Conn) Streams(ctx context.Context, consumers ...string) ([]StreamState, error) {
	var states []StreamState
	for _, declared := range topology() {
		found, err := c.js.Stream(ctx, declared.config.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return states, lookupError("stream "+declared.config.Name, err)
		}
		info, err := found.Info(ctx, jetstream.WithSubjectFilter(">"))
		if err != nil {
			return states, lookupError("stream "+declared.config.Name, err)
		}
		state := StreamState{
			Name: info.Config.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes,
			MaxAge: info.Config.MaxAge, LastStored: info.State.LastTime,
			Full: fullError(info.Config, info.State), UndeclaredSubjects: map[string]uint64{},
		}
		for subject, n := range info.State.Subjects {
			if !containsSubject(declared.config.Subjects, subject) && !containsSubject(info.Config.Subjects, subject) {
				state.UndeclaredSubjects[subject] = n
			}
		}
		for _, consumer := range declared.named(consumers) {
			at, err := c.consumerInfo(ctx, declared.config.Name, consumer.config.Name)
			if errors.Is(err, jetstream.ErrConsumerNotFound) {
				continue
			}
			if err != nil {
				return states, lookupError("consumer "+declared.config.Name+"/"+consumer.config.Name, err)
			}
			state.Consumers = append(state.Consumers, ConsumerState{
				Name: consumer.config.Name, Pending: at.NumPending, AckPending: at.NumAckPending, WaitingPulls: at.NumWaiting,
			})
		}
		states = append(states, state)
	}
	return states, nil
}

// CheckPublish says why this user cannot publish on a subject of a declared stream, or
// nil. Nothing is stored: the message asks for a stream that does not exist, and only
// who may publish hears that it is refused for that.
func (c *Conn) CheckPublish(ctx context.Context, subject string) error {
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	m := &nats.Msg{Subject: subject, Header: nats.Header{jetstream.ExpectedStreamHeader: {noStream}}}
	_, err := c.js.PublishMsg(ctx, m)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == codeOtherStream {
		return nil
	}
	if err == nil {
		return fmt.Errorf("publish on %s: the server took a message meant for stream %s", subject, noStream)
	}
	if denied := c.denied(subject); denied != nil { // else there is nothing but a timeout to see
		err = denied
	}
	return fmt.Errorf("publish on %s: %w", subject, publishError(err))
}

// CheckAcknowledge says why this user cannot acknowledge what a consumer delivers, or
// nil. Without that permission every acknowledgement is lost without an error. What is
// sent is a sign of life for a message that does not exist, and only who may acknowledge
// gets an answer to it.
func (c *Conn) CheckAcknowledge(ctx context.Context, consumer string) error {
	stream, ok := streamOfConsumer(consumer)
	if !ok {
		return fmt.Errorf("consumer %q is not declared", consumer)
	}
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	subject := fmt.Sprintf("%s%s.%s.1.%d.0.0.0", ackSubject, stream, consumer, noSequence)
	_, err := c.nc.RequestWithContext(ctx, subject, []byte("+WPI"))
	if err == nil || errors.Is(err, nats.ErrNoResponders) { // the consumer is missing, which is another matter
		return nil
	}
	if !c.nc.IsConnected() {
		return c.disconnected()
	}
	if denied := c.denied(subject); denied != nil {
		err = denied
	}
	return fmt.Errorf("acknowledge for %s, which needs permission to publish on %s%s.%s.>: %w", consumer, ackSubject, stream, consumer, publishError(err))
}

// denied is the server's complaint about a subject, if that is the last we heard.
func (c *Conn) denied(subject string) error {
	last := c.nc.LastError()
	if errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), `"`+subject+`"`) {
		return last
	}
	return nil
}
