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

// codeOtherStream is the server's error for a message that expects another stream than the one
// that has its subject.
const codeOtherStream jetstream.ErrorCode = 10060

const (
	absentStream   = "LAZISYNC_NO_SUCH_STREAM" // the name of no stream
	absentSequence = 1 << 62                   // the number of no message
)

// probeTimeout bounds a request that gets no response if a permission is missing.
const probeTimeout = 2 * time.Second

// ServerState describes a NATS server.
type ServerState struct {
	Address string // without credentials
	Version string
	RTT     time.Duration // duration of a round trip
	TLS     bool
}

// StreamState describes a stream and its consumers.
type StreamState struct {
	Name               string
	Messages           uint64
	FirstSequence      uint64    // of the oldest message
	FirstStored        time.Time // when the oldest message was stored; zero if there is none
	Bytes              uint64
	MaxBytes           int64 // -1 for no limit
	MaxAge             time.Duration
	LastStored         time.Time         // when the latest message was stored
	Full               error             // nil if it has room
	UndeclaredSubjects map[string]uint64 // number of messages by subject that is not declared; no consumer reads them
	Replicas           ReplicaState
	Consumers          []ConsumerState
}

// ConsumerState describes a durable consumer.
type ConsumerState struct {
	Name         string
	Pending      uint64 // messages not delivered yet
	AckPending   int    // messages delivered but not settled
	WaitingPulls int    // waiting fetch requests; 0 if no role consumes
	Replicas     ReplicaState
}

// Server describes the server of this connection.
func (c *Conn) Server(context.Context) (ServerState, error) {
	if !c.nc.IsConnected() {
		return ServerState{}, c.disconnected()
	}
	took, err := c.nc.RTT()
	if err != nil {
		return ServerState{}, fmt.Errorf("measure the round trip to NATS: %w", err)
	}
	return ServerState{
		Address: c.nc.ConnectedUrlRedacted(), Version: c.nc.ConnectedServerVersion(), RTT: took, TLS: c.nc.TLSRequired(),
	}, nil
}

// Streams describes the declared streams that exist, with the named consumers.
func (c *Conn) Streams(ctx context.Context, consumers ...string) ([]StreamState, error) {
	var states []StreamState
	for _, declared := range c.declarations() {
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
			Name: info.Config.Name, Messages: info.State.Msgs, FirstSequence: info.State.FirstSeq, FirstStored: info.State.FirstTime, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes,
			MaxAge: info.Config.MaxAge, LastStored: info.State.LastTime,
			Replicas: replicaState(info.Cluster), Full: fullError(info.Config, info.State), UndeclaredSubjects: map[string]uint64{},
		}
		for subject, n := range info.State.Subjects {
			if !containsSubject(declared.config.Subjects, subject) && !containsSubject(info.Config.Subjects, subject) {
				state.UndeclaredSubjects[subject] = n
			}
		}
		for _, consumer := range declared.consumersNamed(consumers) {
			at, err := c.consumerInfo(ctx, declared.config.Name, consumer.config.Name)
			if errors.Is(err, jetstream.ErrConsumerNotFound) {
				continue
			}
			if err != nil {
				return states, lookupError("consumer "+declared.config.Name+"/"+consumer.config.Name, err)
			}
			state.Consumers = append(state.Consumers, ConsumerState{
				Name: consumer.config.Name, Pending: at.NumPending, AckPending: at.NumAckPending, WaitingPulls: at.NumWaiting,
				Replicas: replicaState(at.Cluster),
			})
		}
		states = append(states, state)
	}
	return states, nil
}

// CheckPublish returns an error if this NATS user may not publish on a subject of a declared
// stream. Nothing is stored: the message expects a stream that does not exist, and the server
// rejects it for that reason only if the user may publish.
func (c *Conn) CheckPublish(ctx context.Context, subject string) error {
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	m := &nats.Msg{Subject: subject, Header: nats.Header{jetstream.ExpectedStreamHeader: {absentStream}}}
	_, err := c.js.PublishMsg(ctx, m)
	if refused, ok := errors.AsType[*jetstream.APIError](err); ok && refused.ErrorCode == codeOtherStream {
		return nil
	}
	if err == nil {
		return fmt.Errorf("publish on %s: the server stored a message that expects stream %s", subject, absentStream)
	}
	if denied := c.denied(subject); denied != nil { // without this the error is a timeout
		err = denied
	}
	return fmt.Errorf("publish on %s: %w", subject, publishError(err))
}

// CheckAcknowledge returns an error if this NATS user may not acknowledge messages of a
// consumer. Without the permission acknowledgements are lost without an error. It sends an
// in-progress acknowledgement of a message that does not exist; the server responds only if
// the user may acknowledge.
func (c *Conn) CheckAcknowledge(ctx context.Context, consumer string) error {
	stream, _, err := findConsumer(consumer)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	subject := fmt.Sprintf("%s%s.%s.1.%d.0.0.0", ackSubject, stream, consumer, absentSequence)
	_, err = c.nc.RequestWithContext(ctx, subject, []byte("+WPI"))
	if err == nil || errors.Is(err, nats.ErrNoResponders) { // a missing consumer is not a missing permission
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

// denied returns the last error of the connection if it is a permission violation for a
// subject.
func (c *Conn) denied(subject string) error {
	last := c.nc.LastError()
	if errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), `"`+subject+`"`) {
		return last
	}
	return nil
}
