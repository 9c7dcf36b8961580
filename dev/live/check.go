package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
)

// Status is the result for one feed or list.
type Status string

const (
	Reachable    Status = "reachable"
	MissingScope Status = "missing scope"
	Gone         Status = "path is gone"
	WrongShape   Status = "wrong shape"
	Failed       Status = "failed"
)

// Finding describes one feed or list.
type Finding struct {
	Entity  string
	On      entity.Feed
	Status  Status
	Records int      // number of records on the page
	Notes   []string // the error, unknown fields, columns without a field, records that cannot be stored
}

// Bad reports whether the catalogue and the API differ. A missing scope is not a difference.
func (f Finding) Bad() bool { return f.Status != Reachable && f.Status != MissingScope }

const (
	pageSize = 50 // of lists; a feed has its own
	tries    = 4  // attempts per page, for transient errors
)

// Check reads a page of every feed and list of the entities and calls report for each. It
// returns an error if the API refuses the credentials or ctx ends.
func Check(ctx context.Context, client *servicetitan.Client, tenant events.TenantID, entities []entity.Entity, report func(Finding)) error {
	known := newKnown()
	for _, e := range entities {
		for _, feed := range feeds(e) {
			page, err := readPage(ctx, client, tenant, e, feed)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var failure *servicetitan.Error
			if errors.As(err, &failure) && failure.Kind == servicetitan.AuthError {
				return err
			}
			f := Finding{Entity: e.Name, On: feed, Records: len(page.Records) + len(page.Rejected)}
			if err != nil {
				f.Status, f.Notes = statusOf(failure), []string{note(failure, err)}
			} else if f.Status, f.Notes, err = known.compare(ctx, e, feed, page); err != nil {
				return err
			}
			report(f)
		}
	}
	return nil
}

// feeds returns the feeds and lists of an entity.
func feeds(e entity.Entity) (found []entity.Feed) {
	if e.Export != "" {
		found = append(found, entity.Export)
	}
	if e.List != "" {
		found = append(found, entity.List)
	}
	return found
}

// readPage reads the first page of a feed or list. It waits as long as the API requests.
func readPage(ctx context.Context, client *servicetitan.Client, tenant events.TenantID, e entity.Entity, feed entity.Feed) (page entity.Page, err error) {
	if !e.Unpaged {
		e.PageSize = pageSize
	}
	for try := 1; ; try++ {
		page, err = client.Page(ctx, tenant, e, entity.Cursor{Feed: feed}, false)
		var failure *servicetitan.Error
		if err == nil || !errors.As(err, &failure) || failure.Permanent() || try == tries {
			return page, err
		}
		select {
		case <-time.After(max(failure.RetryAfter(), time.Second)):
		case <-ctx.Done():
			return page, ctx.Err()
		}
	}
}

func statusOf(failure *servicetitan.Error) Status {
	switch {
	case failure == nil:
		return Failed
	case failure.Kind == servicetitan.PermissionError:
		return MissingScope
	case failure.Kind == servicetitan.NotFound:
		return Gone
	case failure.Status == 200:
		return WrongShape
	}
	return Failed
}

func note(failure *servicetitan.Error, err error) string {
	if failure != nil && failure.Scope != "" {
		return failure.Scope
	}
	if failure != nil {
		return failure.Message
	}
	return err.Error()
}

// fields returns the names of the fields in a page's records, sorted.
func fields(page entity.Page) []string {
	seen := map[string]bool{}
	for _, r := range page.Records {
		gjson.ParseBytes(r.Raw).ForEach(func(key, _ gjson.Result) bool {
			seen[key.Str] = true
			return true
		})
	}
	return sortedKeys(seen)
}

// compare reports fields that only the page has, and columns that it lacks.
func (k *known) compare(ctx context.Context, e entity.Entity, feed entity.Feed, page entity.Page) (Status, []string, error) {
	var notes []string
	for _, r := range page.Rejected {
		if said := "cannot be stored: " + r.Reason; !slices.Contains(notes, said) {
			notes = append(notes, said)
		}
	}
	if len(page.Rejected) > 0 && len(page.Records) == 0 {
		return WrongShape, notes, nil
	}
	if len(page.Records) == 0 {
		return Reachable, append(notes, "no records: nothing to compare"), nil
	}
	expected, err := k.fields(ctx, e, feed)
	if err != nil {
		return "", nil, err
	}
	got := fields(page)
	if unknown := slices.DeleteFunc(slices.Clone(got), func(name string) bool { return slices.Contains(expected, name) }); len(unknown) > 0 {
		notes = append(notes, "unknown fields: "+strings.Join(unknown, ", "))
	}
	var unfilled []string
	for _, c := range e.Columns {
		field, _, _ := strings.Cut(c.Path, ".")
		if slices.Contains(expected, field) && !slices.Contains(got, field) {
			unfilled = append(unfilled, fmt.Sprintf("%s (%s)", c.Name, field))
		}
	}
	if len(unfilled) > 0 {
		notes = append(notes, "columns without a field: "+strings.Join(unfilled, ", "))
	}
	return Reachable, notes, nil
}
