package servicetitan

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// readOn asks for page after page, as given by answer, until one fails.
func readOn(t *testing.T, at entity.Cursor, answer func(asked entity.Cursor, n int) string) (pages int, err error) {
	t.Helper()
	for ; pages < 1000; pages++ {
		page, err := decodePage(customers(t), at, []byte(answer(at, pages)))
		if err != nil {
			return pages, err
		}
		require.False(t, page.Last)
		at = page.Next
	}
	return pages, nil
}

// TestFeedInCircles: a feed whose tokens come again is left, however long the way
// round and the way to it are.
func TestFeedInCircles(t *testing.T) {
	t.Parallel()
	for lead := range 9 {
		for length := 1; length < 30; length++ {
			pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
				if n >= lead {
					n = lead + (n-lead)%length
				}
				return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[{"id":1}]}`, n)
			})
			var shape *shapeError
			require.ErrorAs(t, err, &shape, "%d pages and then %d again and again", lead, length)
			require.True(t, shape.permanent)
			require.Regexp(t, `^continueFrom (came again: "token-\d+", with which an earlier page ended|did not advance)`, shape.message)
			require.LessOrEqual(t, pages, 3*(lead+length))
		}
	}
}

// TestFeedGoesOn: no feed is left that gets on.
func TestFeedGoesOn(t *testing.T) {
	t.Parallel()
	pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
		return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[{"id":1}]}`, n)
	})
	require.NoError(t, err)
	require.Equal(t, 1000, pages)
}

// TestFeedOfEmptyPages: some may be empty, but not for ever. It is asked again later.
func TestFeedOfEmptyPages(t *testing.T) {
	t.Parallel()
	pages, err := readOn(t, entity.Cursor{Feed: entity.Export}, func(_ entity.Cursor, n int) string {
		data := ""
		if n == 10 {
			data = `{"id":1}`
		}
		return fmt.Sprintf(`{"hasMore":true,"continueFrom":"token-%d","data":[%s]}`, n, data)
	})
	require.EqualError(t, err, "21 pages in a row are empty although hasMore is true")
	require.Equal(t, 31, pages)
	var shape *shapeError
	require.ErrorAs(t, err, &shape)
	require.False(t, shape.permanent)
}

// TestListThatDoesNotTurnItsPages ignores the parameter page, as endpoints do with
// parameters that they do not have.
func TestListThatDoesNotTurnItsPages(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"records": `{"id":1},{"id":2}`, "records that cannot be stored": `{},{}`, "one of each": `{"id":1},7`,
	} {
		pages, err := readOn(t, wholeList, func(entity.Cursor, int) string { return `{"hasMore":true,"data":[` + data + `]}` })
		require.EqualError(t, err, "page 2 holds the same 2 records as the one before, although hasMore is true: the list does not turn its pages", name)
		require.Equal(t, 1, pages)
	}
	e := find(t, "wbs_segments") // which does not say whether there is more
	e.PageSize = 2
	page, err := decodePage(e, wholeList, []byte(`{"data":[{"id":1},{"id":2}]}`))
	require.NoError(t, err)
	_, err = decodePage(e, page.Next, []byte(`{"data":[{"id":1},{"id":2}]}`))
	require.ErrorContains(t, err, "does not turn its pages")
	_, err = decodePage(e, page.Next, []byte(`{"data":[{"id":2},{"id":3}]}`))
	require.NoError(t, err)
}
