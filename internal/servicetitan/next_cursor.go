package servicetitan

import (
	"fmt"
	"hash/fnv"
	"math/bits"
	"strconv"

	"github.com/lazi/lazisync/internal/entity"
)

// emptyPages is the maximum number of consecutive empty pages of a feed that reports more. A
// feed may skip hidden records; a feed with only empty pages is retried later.
const emptyPages = 20

// next returns the cursor after this page, or an error if the listing cannot continue.
// Whatever the responses are, a listing ends or progresses.
func (env envelope) next(e entity.Entity, at entity.Cursor, d *decoder, received int) (entity.Cursor, error) {
	if at.Feed == entity.List {
		return env.nextOfList(e, at, d, received)
	}
	return env.nextOfFeed(at, d, received)
}

func (env envelope) nextOfList(e entity.Entity, at entity.Cursor, d *decoder, received int) (entity.Cursor, error) {
	if env.hasMore && e.Unpaged {
		return at, shapeErrorf("hasMore is true, but the list is not paged")
	}
	if env.hasMore && received == 0 {
		return at, &shapeError{message: fmt.Sprintf("page %d is empty although hasMore is true", pageNumber(e, at))}
	}
	next := at
	next.Page, next.LoopGuard = pageNumber(e, at)+1, entity.LoopGuard{}
	if !env.hasMore {
		return next, nil
	}
	if received > 1 { // a single record may drift from page to page
		next.LoopGuard.Fingerprint = d.fingerprint()
	}
	if next.LoopGuard.Fingerprint != "" && next.LoopGuard.Fingerprint == at.LoopGuard.Fingerprint {
		return at, &shapeError{permanent: true, message: fmt.Sprintf(
			"page %d has the same %d records as the previous page although hasMore is true: the list ignores the page number", pageNumber(e, at), received)}
	}
	return next, d.follow(at.LoopGuard, &next.LoopGuard, "the list")
}

// follow updates the loop guard for the next page. It returns an error if the listing
// returns the same records over and over, under whatever tokens.
func (d *decoder) follow(from entity.LoopGuard, next *entity.LoopGuard, listing string) error {
	next.Pages, next.SinceReset, next.Records, next.Sketch = from.Pages+1, from.SinceReset, from.Records, from.Sketch
	if different, yes := d.repeatsItself(next); yes {
		return &shapeError{permanent: true, message: fmt.Sprintf(
			"the last %d pages had %d records but only %d distinct ones although hasMore is true: %s repeats itself under new tokens or page numbers",
			next.Pages-next.SinceReset, next.Records, different, listing)}
	}
	if bits.OnesCount(uint(next.Pages)) == 1 { // pages before a loop are not part of it: restart the count, as for Token
		next.SinceReset, next.Records, next.Sketch = next.Pages, 0, ""
	}
	return nil
}

// fingerprint identifies the records of a page in their order.
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

func (env envelope) nextOfFeed(at entity.Cursor, d *decoder, received int) (entity.Cursor, error) {
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
		return at, &shapeError{message: fmt.Sprintf("continueFrom did not advance: it is still %q although hasMore is true", at.Token), permanent: true}
	case at.LoopGuard.Token:
		return at, &shapeError{message: fmt.Sprintf("continueFrom received again: %q, with which an earlier page ended; the feed goes round in circles", at.LoopGuard.Token),
			permanent: true}
	}
	next.LoopGuard = entity.LoopGuard{Token: at.LoopGuard.Token, ByDate: at.LoopGuard.ByDate}
	if err := d.follow(at.LoopGuard, &next.LoopGuard, "the feed"); err != nil {
		return at, err
	}
	if received == 0 {
		if next.LoopGuard.EmptyPages = at.LoopGuard.EmptyPages + 1; next.LoopGuard.EmptyPages > emptyPages {
			return at, &shapeError{message: fmt.Sprintf("%d consecutive pages are empty although hasMore is true", next.LoopGuard.EmptyPages)}
		}
	}
	// Brent's algorithm detects a cycle of any length: the token at each power of two is
	// stored, and is seen again within twice the length of the cycle and its lead-in.
	if bits.OnesCount(uint(next.LoopGuard.Pages)) == 1 {
		next.LoopGuard.Token = next.Token
	}
	return next, nil
}
