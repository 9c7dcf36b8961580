package activities_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestSliceReadsEveryPageOnceInOrder(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Pages = map[string]int{"customers": 6}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, activities.SliceResult{Status: events.StatusCompleted, Phase: events.PhaseDone, Pages: 6, Records: 60, Total: 60}, result)
		require.Equal(t, []int{1, 2, 3, 4, 5, 6}, r.API.RequestedPages("customers"))
		require.Equal(t, 60, r.Ledger.Rows("customers"))
	})
}

func TestSlicePrefetchesOnePage(t *testing.T) {
	for name, times := range map[string]struct{ read, store time.Duration }{
		"the API is slow":   {read: 300 * time.Millisecond, store: 100 * time.Millisecond},
		"the store is slow": {read: 100 * time.Millisecond, store: 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Pages = map[string]int{"customers": 6}
				r.API.Latency = times.read
				var stored, ahead, most atomic.Int64
				r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
					d := int64(a.Page) - stored.Load()
					most.Store(max(most.Load(), d))
					if d == 2 {
						ahead.Add(1)
					}
					return nil
				}
				r.Ledger.Refuse = func(op, _ string) error {
					if op == "StorePage" {
						delay(times.store)
						stored.Add(1)
					}
					return nil
				}
				began := time.Now()
				_, err := r.slice()
				require.NoError(t, err)
				require.Equal(t, 1, r.API.AtOnce("customers"))
				require.EqualValues(t, 2, most.Load(), "page n+2 is requested only once page n is stored")
				require.EqualValues(t, 5, ahead.Load(), "every page but the first is read while the one before is stored")
				longer := max(times.read, times.store)
				require.Equal(t, 6*longer+min(times.read, times.store), time.Since(began))
			})
		})
	}
}

func TestSliceContinuesWhereTheLastOneEnded(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Pages = map[string]int{"customers": 25}
		r.API.Latency = time.Second
		r.slices.Length = 5 * time.Second
		var slices int
		for result, err := r.slice(); ; result, err = r.slice() {
			slices++
			require.NoError(t, err)
			require.EqualValues(t, 250, result.Total)
			if result.Status != "" {
				break
			}
			require.EqualValues(t, 6*slices, result.Pages, "a slice stores the page it has requested when its time is up")
		}
		require.Equal(t, 5, slices)
		require.Len(t, r.API.RequestedPages("customers"), 25)
		require.Equal(t, 250, r.Ledger.Rows("customers"))
	})
}

func TestSliceReadsAPageAfterASlowStart(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "Open" {
				delay(time.Minute)
			}
			return nil
		}
		r.slices.Length = 0
		r.API.Latency = time.Millisecond
		for page := range 3 {
			result, err := r.slice()
			require.NoError(t, err)
			require.EqualValues(t, page+1, result.Pages)
		}
	})
}

func TestSliceOfACompleteEntityMakesNoCalls(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		_, err := r.slice()
		require.NoError(t, err)
		again, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, again.Status)
		require.Len(t, r.API.RequestedPages("customers"), 3)
	})
}

// A pause or cancel ends the slice after it stored the requested pages. It requests no further
// pages.
func TestSliceStopsAfterAPauseOrCancel(t *testing.T) {
	for name, stop := range map[string]func(r *rig){
		"when it is cancelled":     func(r *rig) { r.pause() },
		"when the worker is ended": func(r *rig) { close(r.stopped) },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.API.Pages = map[string]int{"customers": 9}
				r.API.Latency = 100 * time.Millisecond
				r.API.Answer = func(_ context.Context, a activitytest.PageRequest) error {
					if a.Page == 4 {
						stop(r)
					}
					return nil
				}
				result, err := r.slice()
				require.NoError(t, err, "it is no failure")
				require.Equal(t, activities.SliceResult{Phase: events.PhaseReading, Pages: 4, Records: 40, Total: 90}, result)
				require.Equal(t, []int{1, 2, 3, 4}, r.API.RequestedPages("customers"))
				require.Equal(t, 40, r.Ledger.Rows("customers"))
			})
		})
	}
}

func TestSliceStopsDuringAPageRequest(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.Latency = 90 * time.Second
		time.AfterFunc(time.Second, r.pause)
		result, err := r.slice()
		require.NoError(t, err)
		require.EqualValues(t, 1, result.Pages, "the read outlives the cancel")
	})
}

func TestSliceCancelledBeforeItsStartMakesNoCalls(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "Open" {
				r.pause()
			}
			return nil
		}
		_, err := r.slice()
		require.NoError(t, err)
		require.Empty(t, r.API.RequestedPages("customers"))
	})
}

func TestSliceCountsRecordsOnceAtTheStartOfAFullRead(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.begin(t, events.Incremental)
		result, err := r.slice()
		require.NoError(t, err)
		require.EqualValues(t, -1, result.Total)
		for _, a := range r.API.PageRequests("customers") {
			require.True(t, a.Interactive, "an incremental may use the reserved share of the calls")
		}
	})
}

// A run that only schedules requested is not interactive.
func TestScheduledRunsDoNotUseTheReserve(t *testing.T) {
	for name, c := range map[string]struct {
		sources     []string
		interactive bool
	}{
		"a schedule":               {[]string{activities.ScheduleSource}, false},
		"a schedule and a webhook": {[]string{activities.ScheduleSource, "/lazisync/webhooks/servicetitan/985"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				var last ledger.Request
				for _, source := range c.sources {
					last = r.Ledger.RequestFrom(source, events.Incremental, "customers")
				}
				r.serve(t, events.Incremental, last)
				_, err := r.slice()
				require.NoError(t, err)
				require.Equal(t, c.interactive, r.API.PageRequests("customers")[0].Interactive)
			})
		})
	}
}

func TestCountingDelaysNoPage(t *testing.T) {
	for name, c := range map[string]struct {
		mode          events.Mode
		pages, counts int
		took          time.Duration
	}{
		"one page":           {events.Full, 1, 0, time.Second},
		"two pages":          {events.Full, 2, 1, 2 * time.Second},
		"ten pages":          {events.Full, 10, 1, 10 * time.Second},
		"rebuild, checked":   {events.Rebuild, 1, 2, 3 * time.Second},
		"incremental, a few": {events.Incremental, 2, 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, r *rig) {
				r.begin(t, c.mode)
				r.API.Pages, r.API.Latency = map[string]int{"customers": c.pages}, time.Second
				r.slices.Length = time.Minute
				began := time.Now()
				_, err := r.slice()
				require.NoError(t, err)
				require.Equal(t, c.took, time.Since(began))
				require.EqualValues(t, c.counts, r.API.Counts.Load())
			})
		})
	}
}

func TestSliceContinuesIfTheCountFails(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.API.CountError = errors.New("no count today")
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		require.EqualValues(t, -1, result.Total)
		require.False(t, r.API.PageRequests("customers")[0].Interactive)
	})
}

func TestSliceContinuesIfTheTotalCannotBeStored(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.Ledger.Refuse = func(op, _ string) error {
			if op == "SetTotal" {
				return errors.New("no connection")
			}
			return nil
		}
		result, err := r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
	})
}

func TestSliceKeepsASlotForIncrementals(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.slices.Full = make(chan struct{}, 1)
		r.slices.Full <- struct{}{}
		_, err := r.slice()
		refusal := failure(t, err)
		require.Equal(t, "Busy", refusal.Type())
		require.False(t, refusal.NonRetryable())
		require.Equal(t, time.Second, refusal.NextRetryDelay())
		require.Equal(t, benign, refusal.Category())
		require.Empty(t, r.API.RequestedPages("customers"))

		full := r.in
		r.begin(t, events.Incremental)
		result, err := r.slice()
		require.NoError(t, err, "an incremental takes no slot")
		require.Equal(t, events.StatusCompleted, result.Status)

		<-r.slices.Full
		r.in = full
		result, err = r.slice()
		require.NoError(t, err)
		require.Equal(t, events.StatusCompleted, result.Status)
		require.Empty(t, r.slices.Full, "the slot is given back")
	})
}

func TestSliceOfAnUnknownEntityIsNotRetried(t *testing.T) {
	inTime(t, func(t *testing.T, r *rig) {
		r.in.Entity = "dragons"
		_, err := r.slice()
		require.True(t, failure(t, err).NonRetryable())
		require.Equal(t, "ValidationError", failure(t, err).Type())
	})
}
