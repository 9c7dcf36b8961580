package simulator_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// feed reads an export to its end and returns the rows and the last token.
func (a *api) feed(t *testing.T, path, from, more string) (rows []row, token string) {
	t.Helper()
	for token = from; ; {
		p := a.page(t, path+"?from="+url.QueryEscape(token)+more)
		require.NotEmpty(t, p.ContinueFrom, "also on the last page")
		rows, token = append(rows, p.Data...), p.ContinueFrom
		if !p.HasMore {
			return rows, token
		}
	}
}

const day = 24 * time.Hour

func ids(rows []row) []int64 { return page{Data: rows}.ids() }

// TestExportPages: every record appears once, by time of change, even if many have the same time
// and a page ends among them.
func TestExportPages(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 500, ExportPageSize: 3, RequestsPerSecond: -1})
	rows, token := a.feed(t, customersExport, "", "")
	require.Len(t, rows, 500)
	require.True(t, slices.IsSortedFunc(rows, func(a, b row) int {
		if *a.ModifiedOn == *b.ModifiedOn {
			return int(a.ID - b.ID)
		}
		return map[bool]int{true: -1, false: 1}[*a.ModifiedOn < *b.ModifiedOn]
	}))
	got := ids(rows)
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 500)

	moments := map[string]int{}
	for _, r := range rows {
		moments[*r.ModifiedOn]++
	}
	require.Greater(t, slices.Max(slices.Collect(maps.Values(moments))), 1, "some records share a moment")

	again, same := a.feed(t, customersExport, token, "")
	require.Empty(t, again)
	require.NotEmpty(t, same)
}

// TestExportFromDate: the date is inclusive.
func TestExportFromDate(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 20, Now: clock.Now, TokenLifetime: day})
	id, err := a.Create("jobs")
	require.NoError(t, err)
	clock.advance(time.Hour)
	for from, want := range map[string][]int64{
		"2026-02-11":                   {id},
		"2026-02-11T16:00:00.0000000Z": {id},
		"2026-02-11T09:00:00-07:00":    {id},
		"2026-02-11T16:00:00.0000001Z": {},
	} {
		require.Equal(t, want, a.page(t, jobsExport+"?from="+url.QueryEscape(from)).ids(), from)
	}
	require.Len(t, a.page(t, jobsExport+"?from=2000-01-01").Data, 21)
}

// TestExportLag: a change appears after the lag, or at once with includeRecentChanges; then it is
// repeated until it is older than the lag.
func TestExportLag(t *testing.T) {
	t.Parallel()
	const recent = "&includeRecentChanges=true"
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 5, Now: clock.Now, TokenLifetime: day, FeedLag: 15 * time.Minute, ExportPageSize: 2})
	_, end := a.feed(t, customersExport, "", "")

	first, err := a.Create("customers")
	require.NoError(t, err)
	clock.advance(10 * time.Minute)
	second, err := a.Create("customers")
	require.NoError(t, err)

	rows, lagging := a.feed(t, customersExport, end, "")
	require.Empty(t, rows)
	rows, token := a.feed(t, customersExport, end, recent)
	require.Equal(t, []int64{first, second}, ids(rows))
	rows, token = a.feed(t, customersExport, token, recent)
	require.Equal(t, []int64{first, second}, ids(rows), "recent rows are returned again")

	clock.advance(5 * time.Minute)
	rows, lagging = a.feed(t, customersExport, lagging, "")
	require.Equal(t, []int64{first}, ids(rows))
	rows, token = a.feed(t, customersExport, token, recent)
	require.Equal(t, []int64{first, second}, ids(rows))
	rows, token = a.feed(t, customersExport, token, recent)
	require.Equal(t, []int64{second}, ids(rows), "the first is old enough now")

	clock.advance(10 * time.Minute)
	rows, _ = a.feed(t, customersExport, lagging, "")
	require.Equal(t, []int64{second}, ids(rows))
	_, token = a.feed(t, customersExport, token, recent)
	rows, _ = a.feed(t, customersExport, token, recent)
	require.Empty(t, rows)
}

// TestExportHasDeletedRecords: deleted jobs and merged customers.
func TestExportHasDeletedRecords(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 50, Now: clock.Now, TokenLifetime: day})
	job, err := a.RandomID("jobs")
	require.NoError(t, err)
	require.NoError(t, a.Delete("jobs", job))
	merged := 0
	for range 20 {
		customer, err := a.RandomID("customers")
		require.NoError(t, err)
		require.NoError(t, a.Delete("customers", customer))
	}
	clock.advance(time.Hour)

	inactiveIsDeleted := a.page(t, jobsExport+"?from=2026-02-11").Data
	require.Len(t, inactiveIsDeleted, 1)
	require.Equal(t, job, inactiveIsDeleted[0].ID)
	require.False(t, *inactiveIsDeleted[0].Active)
	require.NotContains(t, a.page(t, jobsList+"?pageSize=50").ids(), job)
	require.Error(t, a.Update("jobs", job))
	require.Error(t, a.Delete("jobs", job))

	for _, r := range a.page(t, customersExport+"?from=2026-02-11").Data {
		require.False(t, *r.Active)
		if r.MergedToID != nil {
			require.NotEqual(t, r.ID, *r.MergedToID)
			merged++
		}
	}
	require.Positive(t, merged)
	require.Less(t, merged, 20, "some are only deactivated")
}

// TestExportTokens: a token is valid for its feed, during its lifetime, and across a restart.
func TestExportTokens(t *testing.T) {
	t.Parallel()
	clock := newClock()
	options := simulator.Options{RecordsPerEntity: 5, Now: clock.Now, FeedTokenLifetime: time.Hour}
	a, restarted := start(t, options), start(t, options)
	_, token := a.feed(t, customersExport, "", "")
	status := func(a *api, path string) int { status, _ := a.get(t, path+"?from="+token); return status }
	require.Equal(t, http.StatusOK, status(a, customersExport))
	require.Equal(t, http.StatusOK, status(restarted, customersExport))
	require.Equal(t, http.StatusBadRequest, status(a, jobsExport), "another feed")
	clock.advance(time.Hour)
	a.login(t)
	require.Equal(t, http.StatusBadRequest, status(a, customersExport), "too old")
}

// TestModifiedOnIncreasesWithEachChange: a later change has a later modifiedOn, even if the clock
// stops or goes back.
func TestModifiedOnIncreasesWithEachChange(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 5, Now: clock.Now})
	var created []int64
	for range 5 {
		id, err := a.Create("customers")
		require.NoError(t, err)
		created = append(created, id)
		clock.advance(-time.Second)
	}
	rows := a.page(t, customersExport+"?includeRecentChanges=true").Data[5:]
	require.Equal(t, created, ids(rows))
	for i := range rows[1:] {
		require.Less(t, *rows[i].ModifiedOn, *rows[i+1].ModifiedOn)
	}
}

// TestFeedUnderChange reads a feed to its end repeatedly while four goroutines change the company.
// A reader that keeps the latest versions has all records after the last reading.
func TestFeedUnderChange(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 5, RecordsPerEntity: 300, ExportPageSize: 25, RequestsPerSecond: -1})
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		var changes sync.WaitGroup
		for range 4 {
			changes.Go(func() { a.Mutate(600) })
		}
		changes.Wait()
	}()

	seen := map[int64]string{}
	token := ""
	for last := false; ; {
		rows, next := a.feed(t, jobsExport, token, "&includeRecentChanges=true")
		for _, r := range rows {
			require.GreaterOrEqual(t, *r.ModifiedOn, seen[r.ID], "an older version of %d came later", r.ID)
			seen[r.ID] = *r.ModifiedOn
		}
		if token = next; last {
			break
		}
		select {
		case <-busy:
			last = true
		default:
		}
	}
	require.Equal(t, a.versions(t, "jobs"), seen)
}
