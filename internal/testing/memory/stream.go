package memory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
)

// Stream is what JetStream stores: events and dead letters. Several Publishers may use it. It is safe
// for concurrent use. Unlike JetStream it knows the id of a message forever.
type Stream struct {
	mu          sync.Mutex
	stored      []events.Event
	places      map[string]int // in stored, by stream, source and id
	deadLetters []events.RejectedMessage
}

// Publisher is a connection to a Stream.
type Publisher struct {
	*Stream
	Call Call
}

// Publish stores an event once. A different event with the id of a stored one is stored under a derived
// id, unless it is a command. It panics if the event does not match its schema.
func (p *Publisher) Publish(_ context.Context, e events.Event) error {
	return p.publish(e, p.storeDerived)
}

// publish stores an event, or calls derive if a different event has its id.
func (p *Publisher) publish(e events.Event, derive func(events.Event)) error {
	if _, known := events.ByType(e.Type()); !known {
		return fmt.Errorf("publish event %q: type %q is not in the catalogue", e.ID(), e.Type())
	}
	if err := events.Check(e); err != nil {
		panic(fmt.Sprintf("publish an invalid event: %v", err))
	}
	return p.Call.run(Op{Method: "Publish", Detail: e.ID()}, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.store(e) {
			derive(e)
		}
		return nil
	})
}

// store stores an event unless its id is known. It reports whether a different event has the id.
func (s *Stream) store(e events.Event) (differs bool) {
	held, known := s.find(e)
	if !known {
		s.add(e.Clone())
	}
	return known && isForEvents(e) && !events.IsSame(held, e)
}

// storeDerived stores an event under an id that is derived from its data.
func (s *Stream) storeDerived(e events.Event) {
	again := e.Clone()
	sum := sha256.Sum256(e.Data())
	again.SetID(e.ID() + "/" + hex.EncodeToString(sum[:4]))
	if _, known := s.find(again); !known {
		s.add(again)
	}
}

func (s *Stream) add(e events.Event) {
	if s.places == nil {
		s.places = map[string]int{}
	}
	s.places[keyOf(e)] = len(s.stored)
	s.stored = append(s.stored, e)
}

// find returns the event of the same stream with the same source and id.
func (s *Stream) find(e events.Event) (held events.Event, known bool) {
	i, known := s.places[keyOf(e)]
	if !known {
		return held, false
	}
	return s.stored[i], true
}

func keyOf(e events.Event) string { return streamOf(e) + " " + events.MsgID(e.Source(), e.ID()) }

// streamOf names the stream that stores an event.
func streamOf(e events.Event) string {
	switch e.Type() {
	case events.Requested.Name, events.Control.Name:
		return "commands"
	case events.Progress.Name:
		return "progress"
	}
	return "events"
}

func isForEvents(e events.Event) bool { return streamOf(e) == "events" }

// PublishAll publishes events in order and returns one entry per event. Those whose id a different event
// has are stored after the others.
func (p *Publisher) PublishAll(_ context.Context, all []events.Event) []error {
	errs := make([]error, len(all))
	var different []events.Event
	for i, e := range all {
		errs[i] = p.publish(e, func(e events.Event) { different = append(different, e) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range different {
		p.storeDerived(e)
	}
	return errs
}

// DeadLetter stores a message once and returns its place.
func (p *Publisher) DeadLetter(_ context.Context, m events.Message, why events.Rejection, attempts uint64) (stream string, sequence uint64, err error) {
	err = p.Call.run(Op{Method: "DeadLetter", Detail: fmt.Sprint(m.Sequence)}, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, held := range p.deadLetters {
			if other := held.Message; other.Stream == m.Stream && other.Sequence == m.Sequence && other.Stored.Equal(m.Stored) {
				sequence = held.Sequence
				return nil
			}
		}
		sequence = uint64(len(p.deadLetters) + 1)
		p.deadLetters = append(p.deadLetters, events.RejectedMessage{
			Sequence: sequence, At: time.Now(), Code: why.Code, Reason: why.Reason, Attempts: attempts, Message: m,
		})
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	return "SYNC_DEADLETTER", sequence, nil
}

// LastRunNumber returns the highest run number among the last events of each type that begins or ends a
// run, 0 if there is none.
func (p *Publisher) LastRunNumber(context.Context) (last int64, err error) {
	err = p.Call.run(Op{Method: "LastRunNumber", Reads: true}, func() error {
		all := p.Events()
		for _, t := range []string{events.Started.Name, events.Completed.Name, events.Failed.Name, events.Cancelled.Name} {
			for _, e := range slices.Backward(all) {
				if e.Type() != t {
					continue
				}
				var data struct {
					RunNumber int64 `json:"runNumber"`
				}
				if err := json.Unmarshal(e.Data(), &data); err != nil {
					return err
				}
				last = max(last, data.RunNumber)
				break
			}
		}
		return nil
	})
	return last, err
}

// Len returns the number of stored events.
func (s *Stream) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

// Events returns the stored events in order.
func (s *Stream) Events() []events.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.stored)
}

// DeadLetters returns the dead letters in order.
func (s *Stream) DeadLetters() []events.RejectedMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deadLetters)
}

// Clear deletes the stored events. Their ids may be used again.
func (s *Stream) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.places = nil, nil
}
