package cli

import (
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// callsOf returns the number of calls that read an entity with a number of records, -1 if that is
// unknown. feed has the counts of the last full read of its feed.
func callsOf(e entity.Entity, mode events.Mode, records int, feed events.Counts) (calls int64, isLeast bool, note string) {
	switch {
	case e.Export != "":
		pages, isExact := pagesOfFeed(records, feed)
		if !isExact {
			note = "the page size of the feed is not known yet"
		}
		return callsForTotal(e, mode, pages) + pages, !isExact, note
	case e.Unpaged:
		return 1, false, ""
	case records < 0:
		return 1, true, "the list does not count its records"
	}
	pages := max(1, ceil(int64(records), int64(e.LargestPage())))
	calls = callsForTotal(e, mode, pages)
	if pages > 1 { // the list is counted again, to find out whether it moved
		calls++
		if e.Sort == "" && e.Tracks() == entity.Changes {
			calls++
		}
	}
	return calls + pages, false, ""
}

// callsForTotal returns the number of calls that count the records: to check what is staged before and
// after the pages, and otherwise for the progress of a feed, beside its second page.
func callsForTotal(e entity.Entity, mode events.Mode, pages int64) int64 {
	switch info := mode.Info(); {
	case !e.IsCountable():
		return 0
	case info.Staged:
		return 2
	case info.ReadsAll && e.Export != "" && pages > 1:
		return 1
	}
	return 0
}

// pagesOfFeed returns how many pages of a feed have a number of records: as many in proportion as the
// last full read had.
func pagesOfFeed(records int, last events.Counts) (pages int64, isExact bool) {
	switch {
	case records == 0:
		return 1, true
	case records < 0 || last.Pages == 0 || last.Fetched == 0:
		return 1, false
	case last.Pages == 1: // it may have been nearly empty
		return max(1, ceil(int64(records), last.Fetched)), int64(records) <= last.Fetched
	}
	return max(1, ceil(int64(records)*last.Pages, last.Fetched)), true
}

// ceil returns a/b, rounded up.
func ceil(a, b int64) int64 { return (a + b - 1) / b }
