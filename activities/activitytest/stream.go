package activitytest

import (
	"context"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
)

// Stream keeps what is published.
type Stream struct {
	// Refuse is called before an event is kept. It may fail or hang.
	Refuse func(ctx context.Context, e events.Event) error

	mu   sync.Mutex
	told []Told
}

// Told is an event with the time it was published.
type Told struct {
	events.Event
	At time.Time
}

// Publish keeps an event. It panics if the event does not match its schema.
func (s *Stream) Publish(ctx context.Context, e events.Event) error {
	if err := events.Check(e); err != nil {
		panic(err)
	}
	if s.Refuse != nil {
		if err := s.Refuse(ctx, e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, Told{e, time.Now()})
	return nil
}

// Told lists what was published, in order, but for progress.
func (s *Stream) Told() []Told {
	return s.filter(func(e events.Event) bool { return e.Type() != events.Progress.Name })
}

// Subjects lists the subjects of what was published, in order, but for progress.
func (s *Stream) Subjects() []string {
	var subjects []string
	for _, e := range s.Told() {
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
	for _, e := range s.Told() {
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

func (s *Stream) filter(keep func(events.Event) bool) []Told {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []Told
	for _, e := range s.told {
		if keep(e.Event) {
			kept = append(kept, e)
		}
	}
	return kept
}
