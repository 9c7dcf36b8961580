package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// event is a message of a stream, and the CloudEvent in it.
type event struct {
	on       string // the NATS subject
	sequence uint64
	stored   time.Time
	header   nats.Header
	body     []byte

	ID     string          `json:"id"`
	Source string          `json:"source"`
	Type   string          `json:"type"`
	Data   json.RawMessage `json:"data"`
}

// name returns the last token of the subject.
func (e event) name() string { return e.on[strings.LastIndexByte(e.on, '.')+1:] }

// isOutcome reports whether it is the outcome of a run.
func (e event) isOutcome() bool {
	switch e.name() {
	case "completed", "failed", "cancelled":
		return true
	}
	return false
}

func decode[T any](e event) (data T, err error) {
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("%s %s: %w", e.on, e.ID, err)
	}
	return data, nil
}

// read reads a whole stream.
func (r *rig) read(ctx context.Context, stream string) (list []event, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	s, err := r.js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil, nil
	}
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read %s after %d messages: %w", stream, len(list), err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		e := event{on: m.Subject(), sequence: meta.Sequence.Stream, stored: meta.Timestamp, header: m.Headers(), body: m.Data()}
		_ = json.Unmarshal(m.Data(), &e) // a dead letter need not be an event
		list = append(list, e)
		if meta.Sequence.Stream >= state.LastSeq {
			return list, nil
		}
	}
}
