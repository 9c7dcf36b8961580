package servicetitan

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Lookup reads the records of e with the given IDs, at most entity.MaxIDs, in whatever
// state. Records that the response omits do not exist or, in the list of an entity with an export
// feed, are deleted. The list of e must have the parameter ids; if it responds with other records,
// Lookup returns an error.
func (c *Client) Lookup(ctx context.Context, tenantID events.TenantID, e entity.Entity, ids []string, interactive bool) (entity.Page, error) {
	req, err := lookupRequest(e, ids)
	if err != nil {
		return entity.Page{}, err
	}
	resp, err := c.get(ctx, tenantID, req, interactive)
	if err != nil {
		return entity.Page{}, err
	}
	page, err := c.page(tenantID, req, entity.Cursor{Feed: entity.List}, resp)
	if err != nil {
		return entity.Page{}, err
	}
	if err := verifyIDs(ids, page); err != nil {
		return entity.Page{}, resp.decodeError(err)
	}
	page.Next = entity.Cursor{}
	if e.ActiveOnlyInFeed() {
		for i := range page.Records {
			setActive(&page.Records[i])
		}
	}
	return page, nil
}

// setActive adds the field active to a record without one, as the export feed has it: the list shows
// only records that are not deleted.
func setActive(r *entity.Record) {
	if gjson.GetBytes(r.Raw, "active").Exists() {
		return
	}
	if r.Received == nil {
		r.Received = r.Raw
	}
	r.Raw = append(slices.Clone(r.Raw[:len(r.Raw)-1]), `,"active":true}`...)
}

func lookupRequest(e entity.Entity, ids []string) (request, error) {
	if !e.IDs || e.List == "" || len(ids) == 0 || len(ids) > entity.MaxIDs {
		return request{}, &Error{Kind: ValidationError, Entity: e.Name, permanent: true,
			Message: fmt.Sprintf("got %d IDs to look up, want 1 to %d and a list with the parameter ids", len(ids), entity.MaxIDs)}
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

// verifyIDs returns an error if the list ignored the parameter ids. Otherwise all requested
// records would appear to be missing.
func verifyIDs(ids []string, page entity.Page) error {
	for _, r := range page.Records {
		if !slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, r.ID) }) {
			return &shapeError{message: fmt.Sprintf("the response contains record %s, which is not one of the %d requested IDs: the list ignores ids", sanitize(r.ID, quotedBytes), len(ids)), permanent: true}
		}
	}
	if !page.Last {
		return &shapeError{message: fmt.Sprintf("the response has several pages for %d requested IDs: the list ignores ids", len(ids)), permanent: true}
	}
	return nil
}
