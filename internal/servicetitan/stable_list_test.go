package servicetitan

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// movingList is a list with two records per page that changes after each page.
type movingList struct {
	order   []int
	edited  map[int]bool // since the listing began
	change  func(l *movingList, pages int)
	pages   int
	counted []string
}

func (l *movingList) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("pageSize") == "1" {
		total := len(l.order)
		if q.Get("modifiedOnOrAfter") != "" {
			total = len(l.edited)
		}
		l.counted = append(l.counted, r.URL.RawQuery)
		fmt.Fprintf(w, `{"hasMore":false,"totalCount":%d,"data":[]}`, total)
		return
	}
	page, _ := strconv.Atoi(q.Get("page"))
	if page == 1 {
		l.edited = map[int]bool{}
	}
	from, to := min(2*page-2, len(l.order)), min(2*page, len(l.order))
	var rows []string
	for _, id := range l.order[from:to] {
		rows = append(rows, fmt.Sprintf(`{"id":%d}`, id))
	}
	fmt.Fprintf(w, `{"hasMore":%t,"totalCount":%d,"data":[%s]}`, to < len(l.order), len(l.order), strings.Join(rows, ","))
	l.pages++
	if l.change != nil {
		l.change(l, l.pages)
	}
}

// edit moves a record to the end, as in a list ordered by modifiedOn.
func (l *movingList) edit(id int) {
	l.edited[id] = true
	l.order = append(slices.DeleteFunc(l.order, func(o int) bool { return o == id }), id)
}

func (l *movingList) remove(id int) {
	l.order = slices.DeleteFunc(l.order, func(o int) bool { return o == id })
}

// TestVerifyStableFindsEveryRecord changes a list while it is read and requires that every
// remaining record is found.
func TestVerifyStableFindsEveryRecord(t *testing.T) {
	t.Parallel()
	atPage := func(n int, do func(*movingList)) func(*movingList, int) {
		return func(l *movingList, pages int) {
			if pages == n {
				do(l)
			}
		}
	}
	for name, c := range map[string]struct {
		sort   string
		change func(*movingList, int)
		pages  int
		warned bool
	}{
		"nothing happens":                     {"", nil, 3, false},
		"nothing happens, sorted":             {"+Id", nil, 3, false},
		"an edit moves a record":              {"", atPage(1, func(l *movingList) { l.edit(1) }), 6, false},
		"an edit in each round":               {"", func(l *movingList, pages int) { l.edit(l.order[0]) }, 9, true},
		"a record goes":                       {"", atPage(1, func(l *movingList) { l.remove(1) }), 6, false},
		"a record goes, sorted":               {"+Id", atPage(1, func(l *movingList) { l.remove(1) }), 6, false},
		"a record comes":                      {"", atPage(2, func(l *movingList) { l.order = append(l.order, 7) }), 8, false},
		"a record comes, sorted":              {"+Id", atPage(2, func(l *movingList) { l.order = append(l.order, 7) }), 4, false},
		"a change after the last page counts": {"", atPage(3, func(l *movingList) { l.edit(6) }), 6, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := &movingList{order: []int{1, 2, 3, 4, 5, 6}, change: c.change}
			client := newFakeAPI(t, list.serve).client()
			e := entity.Entity{Name: "things", List: "/x/v2/tenant/{tenant}/things", PageSize: 2, Sort: c.sort, Filter: entity.Filter{From: "modifiedOnOrAfter"}}

			seen, pages, warnings := map[string]bool{}, 0, []string(nil)
			for at, last := e.Start(), false; !last; pages++ {
				page, err := client.Page(t.Context(), testTenant, e, at, false)
				require.NoError(t, err)
				for _, r := range page.Records {
					seen[r.ID] = true
				}
				at, last, warnings = page.Next, page.Last, append(warnings, page.Warnings...)
			}
			require.Equal(t, c.pages, pages)
			if c.warned {
				require.Equal(t, []string{"the list changed during each of 3 reads: a record may be missing until the next full sync"}, warnings)
			} else {
				require.Empty(t, warnings)
			}
			for _, id := range list.order {
				require.True(t, c.warned || seen[strconv.Itoa(id)], "record %d", id)
			}
		})
	}
}

// TestVerifyStableReadsTheChangedWindow checks the requests at the end of a listing.
func TestVerifyStableReadsTheChangedWindow(t *testing.T) {
	t.Parallel()
	list := &movingList{order: []int{1, 2, 3}}
	e := find(t, "journal_entries")
	e.PageSize = 2
	client := newFakeAPI(t, list.serve).client()
	at := entity.Cursor{Feed: entity.List, Since: since}
	page, err := client.Page(t.Context(), testTenant, e, at, false)
	require.NoError(t, err)
	require.Empty(t, list.counted)
	page, err = client.Page(t.Context(), testTenant, e, page.Next, false)
	require.NoError(t, err)
	require.Equal(t, []string{
		"includeTotal=true&modifiedOnOrAfter=2026-01-31T22%3A00%3A00.5Z&page=1&pageSize=1",
	}, list.counted, "the totals differ already")
	require.Equal(t, entity.Cursor{Feed: entity.List, Since: since, Round: 1}, page.Next)
	require.False(t, page.Last)

	list.counted = nil
	whole := entity.Cursor{Feed: entity.List, Page: 2, FirstPageAt: serverClock.Add(time.Second), Total: 3}
	page, err = client.Page(t.Context(), testTenant, e, whole, false)
	require.NoError(t, err)
	require.Equal(t, []string{
		"includeTotal=true&page=1&pageSize=1",
		"includeTotal=true&modifiedOnOrAfter=2026-03-03T10%3A00%3A01Z&page=1&pageSize=1",
	}, list.counted)
	require.True(t, page.Last)
}

// TestVerifyStableErrorIsRetried: after an error the last page is retried.
func TestVerifyStableErrorIsRetried(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("pageSize") == "1" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, `{"hasMore":false,"totalCount":3,"data":[{"id":"a"}]}`)
	})
	_, err := api.client().Page(t.Context(), testTenant, find(t, "journal_entries"),
		entity.Cursor{Feed: entity.List, Page: 2, FirstPageAt: serverClock, Total: 3}, false)
	var typed *Error
	require.ErrorAs(t, err, &typed)
	require.False(t, typed.Permanent())
}
