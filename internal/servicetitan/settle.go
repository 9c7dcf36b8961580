package servicetitan

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lazi/lazisync/internal/entity"
)

// maxRounds is how often a list that keeps changing is gone through.
const maxRounds = 3

// settle sees to it that a list of several pages was read without a gap. Pages
// are cut by counting, while the list changes: a record that goes, or moves
// because it was edited, lets another slip over the edge of a page that was read
// already. Sorted by id, records only stay or join, unless some go; where the
// order is unknown, any edit counts. A list in which that happened is read again.
// See docs/adr/0010-list-windows.md.
func (c *Client) settle(ctx context.Context, tenantID string, e entity.Entity, at entity.Cursor, page entity.Page, interactive bool) (entity.Page, error) {
	if at.Feed != entity.List || !countable(e) {
		return page, nil
	}
	if pageNumber(e, at) == e.FirstPage() {
		if !page.Last {
			page.Next.FirstPageAt, page.Next.Total = page.Date, page.Total
		}
		return page, nil
	}
	if !page.Last || at.FirstPageAt.IsZero() {
		return page, nil
	}
	quiet, err := c.quiet(ctx, tenantID, e, at, interactive)
	if err != nil || quiet {
		return page, err
	}
	if at.Round+1 >= maxRounds {
		page.Unstable = true
		page.Warnings = append(page.Warnings, fmt.Sprintf(
			"the list was read %d times and kept changing: a record may be missing until the next full sync", maxRounds))
		return page, nil
	}
	page.Last = false
	page.Next = entity.Cursor{Feed: entity.List, Since: at.Since, Before: at.Before, Round: at.Round + 1}
	return page, nil
}

// quiet says whether no record can have slipped between the pages since the first.
func (c *Client) quiet(ctx context.Context, tenantID string, e entity.Entity, at entity.Cursor, interactive bool) (bool, error) {
	total, err := c.count(ctx, tenantID, e, at, interactive)
	if err != nil {
		return false, err
	}
	known := total >= 0 && at.Total >= 0
	if e.Sort != "" {
		return !known || total >= at.Total, nil
	}
	if known && total != at.Total {
		return false, nil
	}
	if e.Tracks() != entity.Changes {
		return true, nil
	}
	edited, err := c.count(ctx, tenantID, e, entity.Cursor{Since: at.FirstPageAt}, interactive)
	return edited <= 0, err
}

// count asks how many records the window of the cursor holds; -1 where that cannot be read.
func (c *Client) count(ctx context.Context, tenantID string, e entity.Entity, at entity.Cursor, interactive bool) (int, error) {
	req := countRequest(e, at)
	req.mayBeEmpty = true
	ans, err := c.get(ctx, tenantID, req, interactive)
	if err != nil {
		return -1, err
	}
	if ans.status == http.StatusNoContent {
		return 0, nil
	}
	env, err := readEnvelope(e.Shape, ans.body)
	var bad *malformedError
	if errors.As(err, &bad) { // mostly for the record that comes with the number
		return bad.repaired.total(), nil
	}
	if err != nil {
		return -1, ans.unreadable(err)
	}
	return env.total, nil
}
