package simulator_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

func TestListPages(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 120})
	id, err := a.RandomID("customers")
	require.NoError(t, err)
	require.NoError(t, a.Delete("customers", id))

	first := a.page(t, customersList+"?active=Any&includeTotal=true")
	require.Len(t, first.Data, 50)
	require.True(t, first.HasMore)
	require.Equal(t, 120, *first.TotalCount)

	var ids []int64
	for n := 1; ; n++ {
		p := a.page(t, customersList+"?active=Any&page="+strconv.Itoa(n))
		require.Nil(t, p.TotalCount)
		ids = append(ids, p.ids()...)
		if !p.HasMore {
			break
		}
	}
	require.Len(t, ids, 120)
	require.True(t, slices.IsSorted(ids))
	require.Len(t, slices.Compact(ids), 120)
	require.Empty(t, a.page(t, customersList+"?page=4").Data, "behind the end")

	// A full page may be the last one.
	require.False(t, a.page(t, customersList+"?active=Any&pageSize=60&page=2").HasMore)
	require.True(t, a.page(t, customersList+"?active=Any&pageSize=59&page=2").HasMore)
	active := a.page(t, customersList+"?pageSize=5000&includeTotal=true")
	require.Less(t, len(active.Data), 120)
	require.Equal(t, len(active.Data), *active.TotalCount)
	require.False(t, a.page(t, customersList+"?pageSize="+strconv.Itoa(len(active.Data))).HasMore)
	require.True(t, a.page(t, customersList+"?pageSize="+strconv.Itoa(len(active.Data)-1)).HasMore)
}

// TestListStates: by default lists return only active records. The parameter for others differs
// between entities, or does not exist.
func TestListStates(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 30})
	for _, entity := range []string{"customers", "jobs", "invoices", "estimates"} {
		for range 2 {
			id, err := a.RandomID(entity)
			require.NoError(t, err)
			require.NoError(t, a.Delete(entity, id))
		}
	}
	count := func(path string) int { return len(a.page(t, path).Data) }
	for _, list := range []struct{ path, all, active, inactive string }{
		{customersList, "?active=Any", "?active=True", "?active=False"},
		{estimatesList, "?active=Any", "?active=True", "?active=False"},
		{invoicesList, "?activeState=All", "?activeState=ActiveOnly", "?activeState=InactiveOnly"},
	} {
		require.Equal(t, 30, count(list.path+list.all))
		require.GreaterOrEqual(t, count(list.path+list.inactive), 2)
		require.Equal(t, 30-count(list.path+list.inactive), count(list.path+list.active))
		require.Equal(t, count(list.path), count(list.path+list.active), "the default")
	}
	require.LessOrEqual(t, count(jobsList), 28)
	require.Equal(t, count(jobsList), count(jobsList+"?active=Any"), "jobs know no such parameter")
	require.Equal(t, 30, count(jobsExport+"?includeRecentChanges=true"), "the export shows deleted jobs too")
}

// TestListWindow: the lower bound of a window is inclusive, the upper one exclusive.
func TestListWindow(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 10, Now: clock.Now})
	id, err := a.Create("customers")
	require.NoError(t, err)

	at, next := "2026-02-11T16:00:00.0000000Z", "2026-02-11T16:00:00.0000001Z"
	for query, found := range map[string]bool{
		"modifiedOnOrAfter=" + at:                                       true,
		"modifiedOnOrAfter=" + next:                                     false,
		"modifiedOnOrAfter=2026-01-01&modifiedBefore=" + at:             false,
		"modifiedOnOrAfter=2026-01-01&modifiedBefore=" + next:           true,
		"createdOnOrAfter=" + at:                                        true,
		"createdOnOrAfter=" + next:                                      false,
		"createdOnOrAfter=2026-01-01&createdBefore=" + at:               false,
		"createdOnOrAfter=2026-01-01&createdBefore=" + next:             true,
		"modifiedAfter=2100-01-01&ids=" + strconv.FormatInt(id, 10):     true, // an unknown parameter filters nothing
		"modifiedOnOrAfter=2100-01-01&ids=" + strconv.FormatInt(id, 10): false,
	} {
		require.Equal(t, found, slices.Contains(a.page(t, customersList+"?"+query).ids(), id), query)
	}
}

func TestListSort(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 40})
	id, err := a.RandomID("customers")
	require.NoError(t, err)
	require.NoError(t, a.Update("customers", id))

	sorted := func(sort string) []int64 {
		return a.page(t, customersList+"?active=Any&sort="+url.QueryEscape(sort)).ids()
	}
	byID := sorted("+Id")
	require.True(t, slices.IsSorted(byID))
	require.Equal(t, byID, sorted("+CreatedOn"))
	slices.Reverse(byID)
	require.Equal(t, byID, sorted("-Id"))
	require.Equal(t, id, sorted("-ModifiedOn")[0])
	require.Equal(t, id, sorted("+ModifiedOn")[39])
}

// TestInvoicesWithoutModifiedOn: no filter by modifiedOn finds such invoices, and the export has
// them.
func TestInvoicesWithoutModifiedOn(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 2000, ExportPageSize: 2000})
	dateless := func(path string) (n int) {
		for _, r := range a.page(t, path).Data {
			if r.ModifiedOn == nil {
				n++
			}
		}
		return n
	}
	require.Positive(t, dateless(invoicesExport))
	require.Equal(t, dateless(invoicesExport), dateless(invoicesList+"?activeState=All&pageSize=5000"))
	require.Zero(t, dateless(invoicesList+"?activeState=All&pageSize=5000&modifiedOnOrAfter=2000-01-01"))
}

// TestDateHeaderIsTheClock: the header has the simulator's time.
func TestDateHeaderIsTheClock(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{Records: map[string]int{}, RecordsPerEntity: 1, Now: clock.Now})
	clock.advance(90 * time.Second)
	response, err := http.DefaultClient.Do(a.request(t, customersList))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "Wed, 11 Feb 2026 16:01:30 GMT", response.Header.Get("Date"))
}

// TestRateLimit: the limit applies to any second, per app and tenant.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 1, RequestsPerSecond: 3, Now: clock.Now})
	call := func() int { status, _ := a.get(t, jobsList); return status }
	require.Equal(t, []int{200, 200}, []int{call(), call()})
	clock.advance(900 * time.Millisecond)
	require.Equal(t, 200, call())
	status, body := a.get(t, jobsList)
	require.Equal(t, 429, status)
	require.Regexp(t, `^{"status":429,"title":"Rate limit is exceeded. Try again in 1 seconds.","traceId":".+"}$`, string(body))
	clock.advance(100 * time.Millisecond)
	require.Equal(t, []int{200, 200, 429}, []int{call(), call(), call()}, "two of the first three are a second old")
}

// TestTokens: tokens expire, and calls without a scope are rejected.
func TestTokens(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 1, Now: clock.Now, WithoutScopes: []string{"tn.jpm.jobs:r"}})
	call := func(path string) int { status, _ := a.get(t, path); return status }
	require.Equal(t, 403, call(jobsExport))
	clock.advance(900*time.Second - time.Millisecond)
	require.Equal(t, 200, call(customersExport))
	clock.advance(time.Millisecond)
	require.Equal(t, 401, call(customersExport))
	a.login(t)
	require.Equal(t, 200, call(customersExport))
	require.Equal(t, 2, a.Stats().TokenCalls)
}

func TestSeed(t *testing.T) {
	t.Parallel()
	records := func(seed int64) map[string]string {
		a := start(t, simulator.Options{Seed: seed, RecordsPerEntity: 60, Records: map[string]int{"jobs": 5}})
		out := map[string]string{}
		for _, entity := range []string{"customers", "jobs", "invoices", "estimates"} {
			_, body := a.get(t, "/_admin/records/"+entity)
			out[entity] = string(body)
		}
		return out
	}
	require.Equal(t, records(7), records(7))
	require.NotEqual(t, records(7), records(8))
	require.Equal(t, 5, strings.Count(records(7)["jobs"], "\n"))
}
