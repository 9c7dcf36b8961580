package servicetitan

import (
	"fmt"
	"hash/fnv"
	"math/bits"
	"strconv"

	"github.com/lazi/lazisync/internal/entity"
)

// emptyPages is how many pages of a feed may be empty in a row although more is to
// come. A feed may skip over what it hides; one that brings nothing any more is asked
// again later.
const emptyPages = 20

// next is the cursor after this page, or why the listing cannot go on: whatever the
// answers say, it ends or gets on.
func (env envelope) next(e entity.Entity, at entity.Cursor, d *decoder, came int) (entity.Cursor, error) {
	if at.Feed == entity.List {
		return env.nextOfList(e, at, d, came)
	}
	return env.nextOfFeed(at, d, came)
}

func (env envelope) nextOfList(e entity.Entity, at entity.Cursor, d *decoder, came int) (entity.Cursor, error) {
	if env.hasMore && e.Unpaged {
		return at, wrongShape("hasMore is true, but the list has no pages")
	}
	if env.hasMore && came == 0 {
		return at, &shapeError{message: fmt.Sprintf("page %d is empty although hasMore is true", pageNumber(e, at))}
	}
	next := at
	next.Page, next.LoopGuard = pageNumber(e, at)+1, entity.LoopGuard{}
	if !env.hasMore {
		return next, nil
	}
	if came > 1 { // a single record may well slip from page to page
		next.LoopGuard.Fingerprint = d.fingerprint()
	}
	if next.LoopGuard.Fingerprint != "" && next.LoopGuard.Fingerprint == at.LoopGuard.Fingerprint {
		return at, &shapeError{permanent: true, message: fmt.Sprintf(
			"page %d holds the same %d records as the one before, although hasMore is true: the list does not turn its pages", pageNumber(e, at), came)}
	}
	return next, d.follow(at.LoopGuard, &next.LoopGuard, "the list")
}

// follow leads the trail of earlier pages on to the next. A listing that brings the same
// records over and over, under whatever tokens, is not read on.
func (d *decoder) follow(from entity.LoopGuard, next *entity.LoopGuard, listing string) error {
	next.Pages, next.SinceReset, next.Records, next.Sketch = from.Pages+1, from.SinceReset, from.Records, from.Sketch
	if different, yes := d.repeatsItself(next); yes {
		return &shapeError{permanent: true, message: fmt.Sprintf(
			"the last %d pages brought %d records, only %d of them different, although hasMore is true: %s repeats itself under new tokens or page numbers",
			next.Pages-next.SinceReset, next.Records, different, listing)}
	}
	if bits.OnesCount(uint(next.Pages)) == 1 { // what led here is no part of the repetition: begin anew, see Mark
		next.SinceReset, next.Records, next.Sketch = next.Pages, 0, ""
	}
	return nil
}

// fingerprint stands for what a page holds, in its order.
func (d *decoder) fingerprint() string {
	hash := fnv.New64a()
	for _, r := range d.records {
		_, _ = hash.Write(append([]byte(r.ID), 0))
	}
	for _, r := range d.rejected {
		_, _ = hash.Write(r.Raw)
	}
	return strconv.FormatUint(hash.Sum64(), 36)
}

func (env envelope) nextOfFeed(at entity.Cursor, d *decoder, came int) (entity.Cursor, error) {
	next := at
	next.LoopGuard = entity.LoopGuard{}
	if env.continueFrom != "" {
		next.Token = env.continueFrom
	}
	if !env.hasMore {
		return next, nil
	}
	switch next.Token {
	case at.Token:
		return at, &shapeError{message: fmt.Sprintf("continueFrom did not advance: still %q although hasMore is true", at.Token), permanent: true}
	case at.LoopGuard.Token:
		return at, &shapeError{message: fmt.Sprintf("continueFrom came again: %q, with which an earlier page ended; the feed goes round in circles", at.LoopGuard.Token),
			permanent: true}
	}
	next.LoopGuard = entity.LoopGuard{Token: at.LoopGuard.Token, ByDate: at.LoopGuard.ByDate}
	if err := d.follow(at.LoopGuard, &next.LoopGuard, "the feed"); err != nil {
		return at, err
	}
	if came == 0 {
		if next.LoopGuard.EmptyPages = at.LoopGuard.EmptyPages + 1; next.LoopGuard.EmptyPages > emptyPages {
			return at, &shapeError{message: fmt.Sprintf("%d pages in a row are empty although hasMore is true", next.LoopGuard.EmptyPages)}
		}
	}
	// Brent's way to find a cycle of any length: a token is remembered at every power
	// of two, and met again within twice the length of the cycle and what leads to it.
	if bits.OnesCount(uint(next.LoopGuard.Pages)) == 1 {
		next.LoopGuard.Token = next.Token
	}
	return next, nil
}
