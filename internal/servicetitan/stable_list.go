package servicetitan

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// maxRounds is how often a list that keeps changing is read.
const maxRounds = 3

// verifyStable makes sure that a list of several pages was read without a gap. Pages are cut
// by position while the list changes: if a record is removed, or moves because it was
// edited, another one drifts across the border of a page that was read already. In a list
// sorted by ID, positions shift only when records are removed; if the order is unknown, any
// edit may shift them. A list that changed this way is read again, up to maxRounds times,
// after which the page is marked unstable. See docs/adr/0010-list-windows.md.
func (c *Client) verifyStable(ctx context.Context, tenantID events.TenantID, e entity.Entity, at entity.Cursor, page entity.Page, interactive bool) (entity.Page, error) {
	if at.Feed != entity.List || !e.IsCountable() {
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
	stable, err := c.isStable(ctx, tenantID, e, at, interactive)
	if err != nil || stable {
		return page, err
	}
	if at.Round+1 >= maxRounds {
		page.Unstable = true
		page.Warnings = append(page.Warnings, fmt.Sprintf(
			"the list changed during each of %d reads: a record may be missing until the next full sync", maxRounds))
		return page, nil
	}
	page.Last = false
	page.Next = entity.Cursor{Feed: entity.List, Since: at.Since, Before: at.Before, Round: at.Round + 1}
	return page, nil
}

// isStable reports whether no record can have drifted between pages since the first page.
func (c *Client) isStable(ctx context.Context, tenantID events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (bool, error) {
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

// count returns the number of records in the window of the cursor, -1 if the response does
// not contain it.
func (c *Client) count(ctx context.Context, tenantID events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (int, error) {
	req := countRequest(e, at)
	req.mayBeEmpty = true
	resp, err := c.get(ctx, tenantID, req, interactive)
	if err != nil {
		return -1, err
	}
	if resp.status == http.StatusNoContent {
		return 0, nil
	}
	env, err := readEnvelope(e.Shape, resp.body, nil)
	if bad, ok := errors.AsType[*malformedError](err); ok { // the fault is usually in the one record of the page
		return bad.repaired.total(), nil
	}
	if err != nil {
		return -1, resp.decodeError(err)
	}
	return env.total, nil
}
