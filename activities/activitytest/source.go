package activitytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// defaultPages is the default number of pages of an entity.
const defaultPages = 3

// Source is a ServiceTitan API in memory whose entities are all export feeds. Set its fields
// before the first read.
type Source struct {
	Pages    map[string]int // number of pages by entity; default 3
	PageSize int
	Latency  time.Duration // of one answer

	// Answer is called before a page is served. It may return an error, block, or change
	// the world.
	Answer func(ctx context.Context, a PageRequest) error
	// Wait is how long every call waits for the rate limiter, in nanoseconds.
	Wait atomic.Int64
	// Counts is the number of calls of Count, which takes as long as a page.
	Counts atomic.Int64
	// CountError is the error of Count.
	CountError error
	// Uncounted is the number of records that Count includes and no page contains.
	Uncounted int
	// ProbeError is the error of Probe.
	ProbeError error
	// Found are the ids of records that no page contains and Lookup returns.
	Found []string
	// LookupError is the error of Lookup.
	LookupError error

	held     atomic.Int64
	mu       sync.Mutex
	requests []PageRequest
	lookedUp [][]string
	flying   map[string]int
	most     map[string]int
}

// PageRequest is one request for a page.
type PageRequest struct {
	Entity      string
	Page        int // 1 is the first
	Cursor      entity.Cursor
	Interactive bool
	At          time.Time
}

// Waiting returns Wait.
func (s *Source) Waiting(events.TenantID, string) time.Duration { return time.Duration(s.Wait.Load()) }

// Page serves a page.
func (s *Source) Page(ctx context.Context, _ events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (entity.Page, error) {
	ask := PageRequest{Entity: e.Name, Page: pageAt(at), Cursor: at, Interactive: interactive, At: time.Now()}
	s.begin(ask)
	defer s.end(ask)
	if s.Answer != nil {
		if err := s.Answer(ctx, ask); err != nil {
			return entity.Page{}, err
		}
	}
	if err := s.delay(ctx); err != nil {
		return entity.Page{}, err
	}
	s.held.Add(1)
	return s.page(ask).WithRelease(sync.OnceFunc(func() { s.held.Add(-1) })), nil
}

// delay waits for Latency.
func (s *Source) delay(ctx context.Context) error {
	if s.Latency <= 0 {
		return nil
	}
	select {
	case <-time.After(s.Latency):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Held returns how many pages were read and not released.
func (s *Source) Held() int64 { return s.held.Load() }

func (s *Source) page(a PageRequest) entity.Page {
	next := a.Cursor
	next.Token = fmt.Sprintf("page-%d", a.Page+1)
	p := entity.Page{Next: next, Last: a.Page >= s.pages(a.Entity), Total: -1, Date: time.Now()}
	for i := range s.PageSize {
		id := strconv.Itoa((a.Page-1)*s.PageSize + i + 1)
		p.Records = append(p.Records, entity.Record{ID: id, Raw: []byte(`{"id":` + id + `}`)})
	}
	return p
}

// pageAt reads the number of a page from its cursor. Without a token the feed is read
// from the beginning.
func pageAt(c entity.Cursor) int {
	n, err := strconv.Atoi(strings.TrimPrefix(c.Token, "page-"))
	if err != nil {
		return 1
	}
	return n
}

func (s *Source) pages(name string) int {
	if n, ok := s.Pages[name]; ok {
		return n
	}
	return defaultPages
}

// Probe returns ProbeError.
func (s *Source) Probe(context.Context, events.TenantID, entity.Entity) (time.Time, error) {
	return time.Now(), s.ProbeError
}

// Count returns the number of records of an entity, including Uncounted, or CountError.
func (s *Source) Count(_ context.Context, _ events.TenantID, e entity.Entity) (int, error) {
	s.Counts.Add(1)
	time.Sleep(s.Latency)
	if s.CountError != nil {
		return -1, s.CountError
	}
	return s.pages(e.Name)*s.PageSize + s.Uncounted, nil
}

// Lookup returns the records in Found that have the ids, or LookupError.
func (s *Source) Lookup(_ context.Context, _ events.TenantID, _ entity.Entity, ids []string, _ bool) (entity.Page, error) {
	if s.LookupError != nil {
		return entity.Page{}, s.LookupError
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookedUp = append(s.lookedUp, ids)
	p := entity.Page{Last: true, Total: -1, Date: time.Now()}
	for _, id := range ids {
		if slices.Contains(s.Found, id) {
			p.Records = append(p.Records, entity.Record{ID: id, Raw: []byte(`{"id":` + id + `}`)})
		}
	}
	return p, nil
}

// LookedUp lists the ids that were looked up, one entry for each call.
func (s *Source) LookedUp() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lookedUp)
}

func (s *Source) begin(a PageRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, a)
	s.flying[a.Entity]++
	s.most[a.Entity] = max(s.most[a.Entity], s.flying[a.Entity])
	s.most[""] = max(s.most[""], s.reading())
}

func (s *Source) end(a PageRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying[a.Entity]--
}

func (s *Source) reading() (entities int) {
	for _, n := range s.flying {
		entities += min(n, 1)
	}
	return entities
}

// PageRequests lists the requests for pages of an entity, of all entities if name is "".
func (s *Source) PageRequests(name string) []PageRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var requests []PageRequest
	for _, a := range s.requests {
		if name == "" || a.Entity == name {
			requests = append(requests, a)
		}
	}
	return requests
}

// RequestedPages lists the numbers of the requested pages in order.
func (s *Source) RequestedPages(name string) []int {
	pages := []int{}
	for _, a := range s.PageRequests(name) {
		pages = append(pages, a.Page)
	}
	return pages
}

// AtOnce returns the maximum number of concurrent requests for pages of an entity or, if name
// is "", of entities that were read concurrently.
func (s *Source) AtOnce(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most[name]
}

// APIError is an error of the API with every property that the activities look at.
type APIError struct {
	Message         string
	ErrorType       string        // ApiError if empty
	Delay           time.Duration // after which to retry
	IsPermanent     bool
	IsTokenRejected bool
	IsRateLimited   bool
	IsNotSent       bool // our own rate limiter refused the call
	IsUnexpected    bool // it may be transient although it is permanent
	IsFromAPI       bool // not from a proxy in front of the API
}

func (e *APIError) Error() string             { return e.Message }
func (e *APIError) Type() string              { return cmp.Or(e.ErrorType, "ApiError") }
func (e *APIError) RetryAfter() time.Duration { return e.Delay }
func (e *APIError) Permanent() bool           { return e.IsPermanent }
func (e *APIError) TokenRejected() bool       { return e.IsTokenRejected }
func (e *APIError) RateLimited() bool         { return e.IsRateLimited }
func (e *APIError) NotSent() bool             { return e.IsNotSent }
func (e *APIError) Unexpected() bool          { return e.IsUnexpected }
func (e *APIError) FromAPI() bool             { return e.IsFromAPI }
