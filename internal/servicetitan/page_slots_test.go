package servicetitan

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestPagesInMemoryAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slots := make(pageSlots, 2)
		held := []*pageSlot{slots.slot(), slots.slot()}
		for _, s := range held {
			require.NoError(t, s.acquire(t.Context()))
			require.NoError(t, s.acquire(t.Context()), "a repeated request keeps its slot")
		}
		third := slots.slot()
		acquired := make(chan error, 1)
		go func() { acquired <- third.acquire(t.Context()) }()
		synctest.Wait()
		require.Empty(t, acquired, "it waits")
		held[0].release()
		held[0].release()
		require.NoError(t, <-acquired)

		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		fourth := slots.slot()
		require.ErrorIs(t, fourth.acquire(late), context.DeadlineExceeded)
		fourth.release()
		require.Len(t, slots, 2, "a slot that was not acquired frees none")
	})
}

// A client with room for one page reads on after every kind of response, so each frees the room.
func TestPagesThatAreNotReturnedNeedNoMemory(t *testing.T) {
	t.Parallel()
	responses := []struct {
		status int
		body   string
		fails  bool
	}{
		{http.StatusOK, `{"hasMore":false`, true},
		{http.StatusInternalServerError, `{"title":"down"}`, true},
		{http.StatusOK, `{"hasMore":"maybe","data":[]}`, true},
		{http.StatusUnauthorized, ``, false}, // repeated with another token
		{http.StatusOK, emptyExport, false},
		{http.StatusNoContent, ``, false}, // repeated once
		{http.StatusOK, emptyExport, false},
		{http.StatusOK, emptyExport, false},
	}
	next := 0
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		r := responses[next]
		next++
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.body))
	})
	c := api.client(func(o *Options) { o.PagesInMemory = 1 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, _ := entity.Find("customers")
	for next < len(responses) {
		expected := responses[next]
		page, err := c.Page(ctx, testTenant, e, e.Start(), false)
		require.Equal(t, expected.fails, err != nil, "%v: %v", expected, err)
		page.Release()
	}
}

func TestLookupsNeedNoReleasedPage(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"page":1,"pageSize":50,"hasMore":false,"totalCount":1,"data":[{"id":7,"modifiedOn":"2026-03-01T00:00:00Z"}]}`))
	})
	c := api.client(func(o *Options) { o.PagesInMemory = 1 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, _ := entity.Find("campaigns")
	_, err := c.Page(ctx, testTenant, e, entity.Cursor{Feed: entity.List}, false)
	require.NoError(t, err)
	_, err = c.Lookup(ctx, testTenant, e, []string{"7"}, false)
	require.NoError(t, err)
}
