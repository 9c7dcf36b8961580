package servicetitan

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
)

// Lookup reads the records of e that have the ids, at most entity.MaxIDs, whatever
// their state. Those that the answer does not have do not exist. The entity's list
// must take ids; one that answers with other records does not, and the error says so.
func (c *Client) Lookup(ctx context.Context, tenantID string, e entity.Entity, ids []string, interactive bool) (entity.Page, error) {
	req, err := lookupRequest(e, ids)
	if err != nil {
		return entity.Page{}, err
	}
	ans, err := c.get(ctx, tenantID, req, interactive)
	if err != nil {
		return entity.Page{}, err
	}
	page, err := c.page(tenantID, req, entity.Cursor{Feed: entity.List}, ans)
	if err != nil {
		return entity.Page{}, err
	}
	if err := onlyAsked(ids, page); err != nil {
		return entity.Page{}, ans.unreadable(err)
	}
	page.Next = entity.Cursor{}
	return page, nil
}

func lookupRequest(e entity.Entity, ids []string) (request, error) {
	if !e.IDs || e.List == "" || len(ids) == 0 || len(ids) > entity.MaxIDs {
		return request{}, &Error{Kind: ValidationError, Entity: e.Name, permanent: true,
			Message: fmt.Sprintf("got %d ids to look up, want 1 to %d and a list that takes them", len(ids), entity.MaxIDs)}
	}
	q := window(e, entity.Cursor{})
	q.Set("ids", strings.Join(ids, ","))
	if !e.Unpaged {
		q.Set("page", strconv.Itoa(e.FirstPage()))
		q.Set("pageSize", strconv.Itoa(e.LargestPage()))
	}
	if e.Totals == entity.TotalAlways {
		q.Set("includeTotal", "true")
	}
	return request{entity: e, path: e.List, query: q}, nil
}

// onlyAsked keeps a list that ignores ids from passing for one that has none of them.
func onlyAsked(ids []string, page entity.Page) error {
	for _, r := range page.Records {
		if !slices.Contains(ids, r.ID) {
			return &shapeError{message: fmt.Sprintf("record %s came, which is none of the %d ids asked for: the list ignores ids", clean(r.ID, quotedBytes), len(ids)), permanent: true}
		}
	}
	if !page.Last {
		return &shapeError{message: fmt.Sprintf("more than one page came for %d ids: the list ignores ids", len(ids)), permanent: true}
	}
	return nil
}
