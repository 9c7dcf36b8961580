package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
)

// Verdict is what one feed or list turned out to be.
type Verdict string

const (
	Reachable    Verdict = "reachable"
	MissingScope Verdict = "missing scope"
	Gone         Verdict = "path is gone"
	WrongShape   Verdict = "wrong shape"
	Failed       Verdict = "failed"
)

// Finding is what is to be said of one feed or list.
type Finding struct {
	Entity  string
	On      entity.Feed
	Verdict Verdict
	Records int      // on the page
	Notes   []string // the error, unknown fields, columns without a field, records that cannot be stored
}

// Bad says that the catalogue and the API do not agree. A scope that the app lacks is
// for whoever made the app.
func (f Finding) Bad() bool { return f.Verdict != Reachable && f.Verdict != MissingScope }

const (
	pageSize = 50 // of lists; a feed has its own
	tries    = 4  // of a page, while the trouble may pass
)

// Check reads a page of every feed and list of the entities, and tells of each. It ends
// with an error when the API refuses the credentials, or ctx is over.
func Check(ctx context.Context, s Settings, entities []entity.Entity, tell func(Finding)) error {
	client := servicetitan.New(s.Client)
	known := newKnown()
	defer known.close()
	for _, e := range entities {
		for _, feed := range feeds(e) {
			page, err := readPage(ctx, client, s.Tenant, e, feed)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var failure *servicetitan.Error
			if errors.As(err, &failure) && failure.Kind == servicetitan.AuthError {
				return err
			}
			f := Finding{Entity: e.Name, On: feed, Records: len(page.Records) + len(page.Rejected)}
			if err != nil {
				f.Verdict, f.Notes = judge(failure), []string{note(failure, err)}
			} else if f.Verdict, f.Notes, err = known.compare(ctx, e, feed, page); err != nil {
				return err
			}
			tell(f)
		}
	}
	return nil
}

// feeds are the listings that an entity has.
func feeds(e entity.Entity) (found []entity.Feed) {
	if e.Export != "" {
		found = append(found, entity.Export)
	}
	if e.List != "" {
		found = append(found, entity.List)
	}
	return found
}

// readPage reads the first page of a feed or list. It waits as the API asks.
func readPage(ctx context.Context, client *servicetitan.Client, tenant string, e entity.Entity, feed entity.Feed) (page entity.Page, err error) {
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

func judge(failure *servicetitan.Error) Verdict {
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

// fields are the names of the fields of a page's records, sorted.
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

// compare looks for what the page has and nobody knows of, and the other way round.
func (k *known) compare(ctx context.Context, e entity.Entity, feed entity.Feed, page entity.Page) (Verdict, []string, error) {
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
