package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

const (
	initialRecords = 5
	pageSize       = 2
)

// records is an API with export feeds: a record that changes moves to their end.
type records struct {
	s   *sequence
	now func() time.Time

	mu    sync.Mutex
	feeds map[string][]record
}

type record struct {
	place, id, version int
	modified           time.Time
}

func newRecords() *records {
	r := &records{feeds: map[string][]record{}}
	for _, name := range entityNames {
		for id := range initialRecords {
			r.feeds[name] = append(r.feeds[name], record{id + 1, id + 1, 1, time.Date(2026, 1, 1, 0, 0, id, 0, time.UTC)})
		}
	}
	return r
}

// change changes or adds a record.
func (r *records) change(name string, id int) {
	now := r.now().Truncate(time.Microsecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	next := record{1, id, 1, now}
	for _, old := range r.feeds[name] {
		next.place = max(next.place, old.place+1)
		if !next.modified.After(old.modified) {
			next.modified = old.modified.Add(time.Microsecond)
		}
		if old.id == id {
			next.version = old.version + 1
		}
	}
	r.feeds[name] = append(slices.DeleteFunc(r.feeds[name], func(old record) bool { return old.id == id }), next)
}

func (r record) raw() []byte { return fmt.Appendf(nil, `{"id":%d,"version":%d}`, r.id, r.version) }

// Page serves a page from the place that a token names.
func (r *records) Page(ctx context.Context, _ events.TenantID, e entity.Entity, at entity.Cursor, _ bool) (entity.Page, error) {
	r.s.wait("Page " + e.Name)
	if err := r.s.reach("a page of " + e.Name + " is requested"); err != nil {
		return entity.Page{}, err
	}
	r.s.wait("Page " + e.Name)
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	place, _ := strconv.Atoi(at.Token)
	all := r.feeds[e.Name]
	rest := slices.DeleteFunc(slices.Clone(all), func(x record) bool { return x.place < place })
	page := entity.Page{Next: at, Last: len(rest) <= pageSize, Total: -1, Date: now}
	for _, x := range rest[:min(pageSize, len(rest))] {
		page.Records = append(page.Records, entity.Record{ID: strconv.Itoa(x.id), ModifiedOn: x.modified, Raw: x.raw()})
		place = x.place + 1
	}
	page.Next.Token = strconv.Itoa(max(place, 1))
	return page, nil
}

func (r *records) Lookup(context.Context, events.TenantID, entity.Entity, []string, bool) (entity.Page, error) {
	return entity.Page{}, errUnavailable
}
func (r *records) Count(context.Context, events.TenantID, entity.Entity) (int, error) { return -1, nil }
func (r *records) Waiting(events.TenantID, string) time.Duration                      { return 0 }
func (r *records) Probe(context.Context, events.TenantID, entity.Entity) (time.Time, error) {
	return r.now(), nil
}
