package servicetitan

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/lazi/lazisync/internal/entity"
)

// probeSince is how far back a probe of a feed looks: the answer is small, or empty.
const probeSince = time.Minute

// Probe asks for as little of an entity as the API can answer with, and returns the
// server's clock. Its error is that of reading a page: it says whether credentials,
// scope and path are right.
func (c *Client) Probe(ctx context.Context, tenantID string, e entity.Entity) (time.Time, error) {
	req := probeRequest(e, c.now().Add(-probeSince))
	req.mayBeEmpty = true
	ans, err := c.get(ctx, tenantID, req, true)
	if err != nil {
		return time.Time{}, err
	}
	if ans.status == http.StatusNoContent {
		return ans.date, nil
	}
	at := entity.Cursor{Feed: entity.List}
	if e.Export != "" {
		at.Feed = entity.Export
	}
	if _, err := decodePage(e, at, ans.body); err != nil {
		return time.Time{}, ans.unreadable(err)
	}
	return ans.date, nil
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
