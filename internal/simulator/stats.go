package simulator

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Stats counts calls and served records.
type Stats struct {
	TokenCalls int                    `json:"tokenCalls"`
	Entities   map[string]EntityStats `json:"entities"` // of requested entities and the core four
	Requests   []call                 `json:"requests"` // the latest ones, oldest first
}

// EntityStats counts the calls for one entity.
type EntityStats struct {
	ListCalls   int `json:"listCalls"`
	ExportCalls int `json:"exportCalls"`
	Refused     int `json:"refused"` // calls with an error response
	Pages       int `json:"pages"`   // served pages, also those changed by a fault
	Records     int `json:"records"` // in those pages
}

type call struct {
	At      time.Time `json:"at"`
	On      string    `json:"on"` // list, export or token
	Entity  string    `json:"entity,omitempty"`
	Path    string    `json:"path"`
	Query   string    `json:"query,omitempty"`
	Status  int       `json:"status"` // 0 if the caller disconnected before the response
	Records int       `json:"records"`
	Ignored []string  `json:"ignored,omitempty"` // parameters that the endpoint does not have
}

type stats struct {
	keep int // calls to list
	mu   sync.Mutex
	sum  Stats
}

func (s *stats) note(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sum.Requests) >= 2*s.keep {
		s.sum.Requests = slices.Delete(s.sum.Requests, 0, len(s.sum.Requests)-s.keep)
	}
	s.sum.Requests = append(s.sum.Requests, c)
	if c.On == onToken {
		s.sum.TokenCalls++
		return
	}
	if s.sum.Entities == nil {
		s.sum.Entities = map[string]EntityStats{}
	}
	e := s.sum.Entities[c.Entity]
	if c.On == onList {
		e.ListCalls++
	} else {
		e.ExportCalls++
	}
	if c.Status == 200 {
		e.Pages++
		e.Records += c.Records
	} else {
		e.Refused++
	}
	s.sum.Entities[c.Entity] = e
}

// Stats returns the counts since the start or the last ResetStats.
func (s *Simulator) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	sum := s.stats.sum
	sum.Entities = map[string]EntityStats{}
	for _, name := range s.world.core() {
		sum.Entities[name] = EntityStats{}
	}
	maps.Copy(sum.Entities, s.stats.sum.Entities)
	sum.Requests = slices.Clone(sum.Requests[max(0, len(sum.Requests)-s.stats.keep):])
	return sum
}

// ResetStats resets all counts.
func (s *Simulator) ResetStats() {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	s.stats.sum = Stats{}
}
