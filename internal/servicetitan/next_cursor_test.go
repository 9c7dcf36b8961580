package servicetitan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// readOn asks for page after page, as given by response, until one fails.
func readOn(t *testing.T, at entity.Cursor, response func(requests entity.Cursor, n int) string) (pages int, err error) {
	t.Helper()
	for ; pages < 1000; pages++ {
		page, err := decodePage(customers(t), at, []byte(response(at, pages)), nil)
		if err != nil {
			return pages, err
		}
		require.False(t, page.Last)
		at = page.Next
	}
	return pages, nil
}

// TestFeedWithRepeatedTokensIsAborted: a feed whose tokens repeat is aborted, for any length of the
// cycle and of the feed before it.
func TestFeedWithRepeatedTokensIsAborted(t *testing.T) {
	t.Parallel()
	for lead := range 9 {
		for length := 1; length < 30; length++ {
			pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
				if n >= lead {
					n = lead + (n-lead)%length
				}
				return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[{"id":%d}]}`, n, n+1)
			})
			var shape *shapeError
			require.ErrorAs(t, err, &shape, "%d pages and then %d again and again", lead, length)
			require.True(t, shape.permanent)
			require.Regexp(t, `^continueFrom (received again: "token-\d+", with which an earlier page ended|did not advance)`, shape.message)
			require.LessOrEqual(t, pages, 3*(lead+length))
		}
	}
}

// TestFeedWithProgressContinues: a feed that advances is not aborted.
func TestFeedWithProgressContinues(t *testing.T) {
	t.Parallel()
	pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
		return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[{"id":%d}]}`, n, n+1)
	})
	require.NoError(t, err)
	require.Equal(t, 1000, pages)
}

// TestFeedWithRepeatedPagesIsAborted: a feed that returns the same records with new tokens is
// aborted, after any earlier pages, for any number of pages and in any order.
func TestFeedWithRepeatedPagesIsAborted(t *testing.T) {
	t.Parallel()
	for _, lead := range []int{0, 1, 7, 100} {
		for _, length := range []int{1, 2, 3, 10, 50} {
			for name, at := range map[string]func(n int) int{
				"in order":     func(n int) int { return (n - lead) % length },
				"in any order": func(n int) int { return n * 7919 % 104729 % length },
			} {
				pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
					id := n + 1_000_000
					if n >= lead {
						id = 10 * at(n)
					}
					return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[{"id":%d,"modifiedOn":"2026-01-01T00:00:00Z","at":%d},{"id":%d},{"x":1}]}`, n, id+1, n, id+2)
				})
				var shape *shapeError
				require.ErrorAs(t, err, &shape, "%d pages and then %d %s", lead, length, name)
				require.True(t, shape.permanent)
				require.Regexp(t, `^the last \d+ pages had \d+ records but only \d+ distinct ones although hasMore is true: the feed repeats itself`, shape.message)
				require.LessOrEqual(t, pages, 2*lead+40*length, "%d pages and then %d %s", lead, length, name)
			}
		}
	}
}

// TestListWithRepeatedPagesIsAborted: repeated pages of a list are detected, even if they do not
// follow each other.
func TestListWithRepeatedPagesIsAborted(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 2, 5, 30} {
		_, err := readOn(t, entity.Cursor{Feed: entity.List}, func(_ entity.Cursor, n int) string {
			return fmt.Sprintf(`{"hasMore":true,"data":[{"id":%d}]}`, n%length+1)
		})
		require.ErrorContains(t, err, "the list repeats itself")
	}
}

// TestFeedMayRepeatRecentChanges: every page may repeat records of earlier ones, as long as some
// records are new.
func TestFeedMayRepeatRecentChanges(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]func(n int) string{
		"the last records again": func(n int) string {
			return fmt.Sprintf(`{"id":%d},{"id":%d},{"id":%d},{"id":%d}`, n+1, n+2, n+3, n+4)
		},
		"one record that keeps changing": func(n int) string {
			return fmt.Sprintf(`{"id":1,"modifiedOn":"2026-01-01T00:00:00.%06dZ"}`, n)
		},
		"twice the same, and then on": func(n int) string { return fmt.Sprintf(`{"id":%d}`, n/2+1) },
	} {
		pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
			return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[%s]}`, n, page(n))
		})
		require.NoError(t, err, name)
		require.Equal(t, 1000, pages, name)
	}
}

// TestCursorHasABoundedSize: the size of the loop guard does not grow with the pages.
func TestCursorHasABoundedSize(t *testing.T) {
	t.Parallel()
	at := entity.Cursor{Feed: entity.Export}
	_, err := readOn(t, at, func(requests entity.Cursor, n int) string {
		at = requests
		data := make([]string, 100)
		for i := range data {
			data[i] = fmt.Sprintf(`{"id":%d}`, 100*n+i+1)
		}
		return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[%s]}`, n, strings.Join(data, ","))
	})
	require.NoError(t, err)
	raw, err := json.Marshal(at)
	require.NoError(t, err)
	require.Less(t, len(raw), 500)
}

// TestFeedOfEmptyPagesIsAborted: some pages may be empty, but not all. The feed is retried later.
func TestFeedOfEmptyPagesIsAborted(t *testing.T) {
	t.Parallel()
	pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
		data := ""
		if n == 10 {
			data = `{"id":1}`
		}
		return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[%s]}`, n, data)
	})
	require.EqualError(t, err, "21 consecutive pages are empty although hasMore is true")
	require.Equal(t, 31, pages)
	var shape *shapeError
	require.ErrorAs(t, err, &shape)
	require.False(t, shape.permanent)
}

// TestListThatIgnoresPageIsAborted: the list ignores the parameter page, as endpoints ignore
// unknown parameters.
func TestListThatIgnoresPageIsAborted(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"records": `{"id":1},{"id":2}`, "records that cannot be stored": `{},{}`, "one of each": `{"id":1},7`,
	} {
		pages, err := readOn(t, wholeList, func(entity.Cursor, int) string { return `{"hasMore":true,"data":[` + data + `]}` })
		require.EqualError(t, err, "page 2 has the same 2 records as the previous page although hasMore is true: the list ignores the page number", name)
		require.Equal(t, 1, pages)
	}
	e := find(t, "wbs_segments") // which does not say whether there is more
	e.PageSize = 2
	page, err := decodePage(e, wholeList, []byte(`{"data":[{"id":1},{"id":2}]}`), nil)
	require.NoError(t, err)
	_, err = decodePage(e, page.Next, []byte(`{"data":[{"id":1},{"id":2}]}`), nil)
	require.ErrorContains(t, err, "ignores the page number")
	_, err = decodePage(e, page.Next, []byte(`{"data":[{"id":2},{"id":3}]}`), nil)
	require.NoError(t, err)
}

// TestFeedReadByDateIsRemembered: a feed is read by date again only after it has ended.
func TestFeedReadByDateIsRemembered(t *testing.T) {
	t.Parallel()
	at := entity.Cursor{Feed: entity.Export, Since: since, LoopGuard: entity.LoopGuard{ByDate: true}}
	for _, more := range []bool{true, true, false} {
		page, err := decodePage(customers(t), at, fmt.Appendf(nil, `{"hasMore":%t,"continueFrom":"%s1","data":[{"id":1}]}`, more, at.Token), nil)
		require.NoError(t, err)
		at = page.Next
		require.Equal(t, more, at.LoopGuard.ByDate)
	}
}
