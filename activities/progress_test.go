package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
)

// slices runs slices until the entity is done.
func (r *rig) slicesToTheEnd(t *testing.T) {
	t.Helper()
	for {
		result, err := r.slice()
		require.NoError(t, err)
		if result.Status != "" {
			return
		}
	}
}

func TestProgressIsPublishedAtMostOncePerSecond(t *testing.T) {
	for name, c := range map[string]struct {
		pages           int
		latency, length time.Duration
		want            int // events, one a second and the last
	}{
		"many pages a second, one slice":  {400, 25 * time.Millisecond, 20 * time.Second, 10},
		"a page takes seconds":            {10, 3500 * time.Millisecond, time.Minute, 10},
		"many slices":                     {400, 25 * time.Millisecond, 3300 * time.Millisecond, 8},
		"everything at once":              {1, 10 * time.Millisecond, time.Second, 1},
		"slices shorter than the spacing": {100, 25 * time.Millisecond, 300 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Pages = map[string]int{"customers": c.pages}
				r.API.Latency, r.slices.Length = c.latency, c.length
				r.slicesToTheEnd(t)
				within(2 * time.Second)
				reported := r.Events.Progress("customers")
				require.GreaterOrEqual(t, len(reported), c.want)
				for i := 1; i < len(reported); i++ {
					require.GreaterOrEqual(t, reported[i].At.Sub(reported[i-1].At), time.Second, "events %d and %d", i-1, i)
				}
				last := reported[len(reported)-1]
				require.Equal(t, events.PhaseDone, last.Phase)
				require.EqualValues(t, c.pages, last.Pages)
			})
		})
	}
}

func TestProgressHasCountsAndTotal(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Pages = map[string]int{"customers": 10}
		r.API.Latency = time.Second
		r.slices.Length = time.Minute
		r.slicesToTheEnd(t)
		within(2 * time.Second)
		reported := r.Events.Progress("customers")
		ids := map[string]bool{}
		for i, p := range reported {
			ids[p.ID] = true
			require.Equal(t, r.run.Number, p.RunNumber)
			require.Equal(t, r.run.WorkflowID, p.WorkflowID)
			require.Equal(t, r.run.Requests[0].ID, p.Requests[0].RequestID)
			if p.Pages > 1 {
				require.EqualValues(t, 100, *p.Total)
			} else {
				require.Nil(t, p.Total, "the records are counted while the second page is read")
			}
			require.Equal(t, p.Pages*10, p.Records)
			require.Nil(t, p.Waiting)
			if i > 0 {
				require.GreaterOrEqual(t, p.Pages, reported[i-1].Pages)
			}
			if p.Pages > 0 && p.Phase == events.PhaseReading {
				require.InDelta(t, 10, p.RecordsPerSecond, 5)
				if p.Pages > 1 {
					require.InDelta(t, 10-p.Pages, *p.EtaSeconds, 5)
				}
			}
		}
		require.Len(t, ids, len(reported), "each has an id of its own")
		require.Equal(t, events.PhaseQueued, reported[0].Phase)
		require.Equal(t, events.PhaseReading, reported[1].Phase)
		require.Equal(t, events.PhaseDone, reported[len(reported)-1].Phase)
		require.Zero(t, *reported[len(reported)-1].EtaSeconds)
	})
}

func TestProgressNamesTheCurrentStep(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want events.Waiting
	}{
		"rate limit":             {&activitytest.APIError{Message: "slow down", IsRateLimited: true, Delay: 37 * time.Second}, events.Waiting{Why: events.WaitRateLimit, Seconds: 37}},
		"rate limit of any time": {&activitytest.APIError{Message: "slow down", IsRateLimited: true}, events.Waiting{Why: events.WaitRateLimit}},
		"outage":                 {errors.New("connection refused"), events.Waiting{Why: events.WaitOutage}},
		"announced outage":       {&activitytest.APIError{Message: "maintenance", Delay: 37 * time.Second}, events.Waiting{Why: events.WaitOutage, Seconds: 37}},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Answer = failAt(2, c.err)
				_, err := r.slice()
				require.Error(t, err)
				within(2 * time.Second)
				reported := r.Events.Progress("customers")
				require.Equal(t, &c.want, reported[len(reported)-1].Waiting)
				require.EqualValues(t, 1, reported[len(reported)-1].Pages)

				r.API.Answer = nil
				_, err = r.slice()
				require.NoError(t, err)
				within(2 * time.Second)
				reported = r.Events.Progress("customers")
				require.Nil(t, reported[len(reported)-1].Waiting, "it waits no more")
			})
		})
	}
}

func TestProgressReportsAWaitForTheRateLimit(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Pages = map[string]int{"customers": 2}
		r.API.Answer = func(ctx context.Context, a activitytest.PageRequest) error {
			if a.Page == 2 {
				r.API.Wait.Store(int64(5 * time.Second))
				delay(5 * time.Second)
				r.API.Wait.Store(0)
			}
			return nil
		}
		r.slicesToTheEnd(t)
		within(2 * time.Second)
		var waits []events.Waiting
		reported := r.Events.Progress("customers")
		for _, p := range reported {
			if p.Waiting != nil {
				waits = append(waits, *p.Waiting)
			}
		}
		require.NotEmpty(t, waits)
		require.LessOrEqual(t, len(waits), 5)
		require.Equal(t, events.Waiting{Why: events.WaitRateLimit, Seconds: 5}, waits[0])
		require.Nil(t, reported[len(reported)-1].Waiting, "it waits no more")
	})
}

func TestSlowProgressPublisherDoesNotDelayPages(t *testing.T) {
	for name, refuse := range map[string]func(context.Context, events.Event) error{
		"the stream is down": func(context.Context, events.Event) error { return errors.New("no servers available") },
		"the stream hangs":   func(ctx context.Context, _ events.Event) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.Events.Refuse = refuse
				r.API.Pages = map[string]int{"customers": 100}
				r.API.Latency = 100 * time.Millisecond
				r.slices.Length = 3 * time.Second
				began := time.Now()
				r.slicesToTheEnd(t)
				require.Equal(t, 10*time.Second, time.Since(began), "as long as a hundred pages take")
				require.Empty(t, r.Events.Progress("customers"))
				within(3 * time.Second)
			})
		})
	}
}

func TestProgressNamesAtMost500Requests(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		for range 600 {
			r.Ledger.Request(events.Incremental, "customers")
		}
		r.begin(t, events.Incremental)
		r.slicesToTheEnd(t)
		within(2 * time.Second)
		reported := r.Events.Progress("customers")
		require.NotEmpty(t, reported)
		require.Len(t, reported[0].Requests, 500)
	})
}
