package activitytest

import (
	"context"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// Stream is an event stream in memory that knows when each event was published.
type Stream struct {
	// Refuse is called before an event is recorded. It may fail or block.
	Refuse func(ctx context.Context, e events.Event) error

	mu     sync.Mutex
	stored memory.Stream
	times  []time.Time // of the stored events
}

// PublishedEvent is an event and the time at which it was published.
type PublishedEvent struct {
	events.Event
	At time.Time
}

// Publish stores an event once. It panics if the event does not match its schema.
func (s *Stream) Publish(ctx context.Context, e events.Event) error {
	if s.Refuse != nil {
		if err := s.Refuse(ctx, e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := (&memory.Publisher{Stream: &s.stored}).Publish(ctx, e); err != nil {
		return err
	}
	if s.stored.Len() > len(s.times) {
		s.times = append(s.times, time.Now())
	}
	return nil
}

// Published returns the published events in order, without progress.
func (s *Stream) Published() []PublishedEvent {
	return s.filter(func(e events.Event) bool { return e.Type() != events.Progress.Name })
}

// Subjects returns the subjects of the published events in order, without progress.
func (s *Stream) Subjects() []string {
	var subjects []string
	for _, e := range s.Published() {
		if d, ok := events.ByType(e.Type()); ok {
			subjects = append(subjects, d.Subject)
		}
	}
	return subjects
}

// Progress is a progress event.
type Progress struct {
	events.ProgressData
	ID string
	At time.Time
}

// Progress lists the progress events of an entity.
func (s *Stream) Progress(entity string) []Progress {
	var all []Progress
	for _, e := range s.filter(func(e events.Event) bool { return e.Type() == events.Progress.Name }) {
		if d, err := events.Progress.Data(e.Event); err == nil && d.Entity == entity {
			all = append(all, Progress{d, e.ID(), e.At})
		}
	}
	return all
}

// Outcomes lists the outcomes that were published.
func (s *Stream) Outcomes() []events.OutcomeData {
	var all []events.OutcomeData
	for _, e := range s.Published() {
		for _, t := range []events.Type[events.OutcomeData]{events.Completed, events.Failed, events.Cancelled} {
			if e.Type() != t.Name {
				continue
			}
			if d, err := t.Data(e.Event); err == nil {
				all = append(all, d)
			}
		}
	}
	return all
}

func (s *Stream) filter(keep func(events.Event) bool) []PublishedEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []PublishedEvent
	for i, e := range s.stored.Events() {
		if keep(e) {
			kept = append(kept, PublishedEvent{e, s.times[i]})
		}
	}
	return kept
}
