package servicetitan

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// probeSince is how far back the probe of a feed reads, so that the response is small.
const probeSince = time.Minute

// Probe sends the smallest request for an entity and returns the server's clock. Its error
// is that of reading a page, so it shows whether credentials, scope and path are correct.
func (c *Client) Probe(ctx context.Context, tenantID events.TenantID, e entity.Entity) (time.Time, error) {
	req := probeRequest(e, c.now().Add(-probeSince))
	req.mayBeEmpty = true
	resp, err := c.get(ctx, tenantID, req, true)
	if err != nil {
		return time.Time{}, err
	}
	if resp.status == http.StatusNoContent {
		return resp.date, nil
	}
	at := entity.Cursor{Feed: entity.List}
	if e.Export != "" {
		at.Feed = entity.Export
	}
	if _, err := decodePage(e, at, resp.body, c.fields); err != nil {
		return time.Time{}, resp.decodeError(err)
	}
	return resp.date, nil
}

func probeRequest(e entity.Entity, since time.Time) request {
	if e.Export != "" {
		return exportRequest(e, entity.Cursor{Feed: entity.Export, Since: since})
	}
	r := listRequest(e, entity.Cursor{Feed: entity.List})
	if !e.Unpaged {
		r.query.Set("pageSize", strconv.Itoa(1))
	}
	return r
}
