package probe

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestManyCallersShareOneReport(t *testing.T) {
	t.Parallel()
	var checks atomic.Int64
	release := make(chan struct{})
	r := New("bridge", zerolog.Nop(), Probe{Name: "database", Check: func(context.Context) error {
		checks.Add(1)
		<-release
		return nil
	}})
	r.now = func() time.Time { return time.Unix(0, 0) } // no time passes
	gone, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		_, err := r.Report(gone)
		require.ErrorIs(t, err, context.Canceled)
	})
	require.Eventually(t, func() bool { return checks.Load() == 1 }, time.Minute, time.Millisecond)
	leave() // the first caller; the report is made all the same
	for range 50 {
		all.Go(func() {
			for range 20 {
				report, err := r.Report(t.Context())
				require.NoError(t, err)
				require.True(t, report.Ready())
			}
		})
	}
	close(release)
	all.Wait()
	require.EqualValues(t, 1, checks.Load())
}

func TestOldReportIsRefreshed(t *testing.T) {
	t.Parallel()
	now, result := time.Unix(1000, 0), error(nil)
	r := New("bridge", zerolog.Nop(), Probe{Name: "database", Check: func(context.Context) error { return result }})
	r.now = func() time.Time { return now }
	ready := func() bool {
		report, err := r.Report(t.Context())
		require.NoError(t, err)
		require.Equal(t, "bridge", report.Role)
		return report.Ready()
	}
	require.True(t, ready())
	result = errors.New("read only")
	require.True(t, ready(), "it is kept for a while")
	now = now.Add(cacheTTL)
	require.False(t, ready())
	result = nil
	require.False(t, ready(), "it is kept for a moment")
	now = now.Add(failureTTL)
	require.True(t, ready(), "a role that has just become ready does not wait")
}

func TestAFailureIsLoggedWhenItBeginsChangesAndEnds(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now, result := time.Unix(1000, 0), error(nil)
	r := New("bridge", zerolog.New(&log), Probe{Name: "database", Check: func(context.Context) error { return result }, Fix: "start PostgreSQL"})
	r.now = func() time.Time { return now }
	ask := func(err error, later time.Duration) {
		result, now = err, now.Add(later)
		_, failed := r.Report(t.Context())
		require.NoError(t, failed)
	}
	ask(nil, 0)
	for range 5 {
		ask(errors.New("down"), cacheTTL)
	}
	require.Equal(t, 1, strings.Count(log.String(), "not ready"))
	require.Contains(t, log.String(), `"fix":"start PostgreSQL"`)
	ask(errors.New("read only"), cacheTTL)
	require.Equal(t, 2, strings.Count(log.String(), "not ready"))
	ask(errors.New("read only"), logInterval)
	require.Equal(t, 3, strings.Count(log.String(), "not ready"))
	ask(nil, cacheTTL)
	require.Equal(t, 1, strings.Count(log.String(), "ready again"))
}

func TestAHangingCheckTimesOut(t *testing.T) {
	t.Parallel()
	r := New("bridge", zerolog.Nop(), Probe{Name: "database", Check: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	report, err := r.Report(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, report.Errors["database"], context.DeadlineExceeded)
}

// TestAHangingCheckDoesNotDelayOthers checks that the report arrives in time and has the results
// of the other probes.
func TestAHangingCheckDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := New("bridge", zerolog.Nop(),
			Probe{Name: "temporal", Check: func(context.Context) error { <-release; return nil }},
			Probe{Name: "database", Check: func(ctx context.Context) error { <-ctx.Done(); return errors.New("waited for a connection") }},
			Probe{Name: "nats", Check: func(context.Context) error { return nil }})
		ctx, cancel := context.WithTimeout(t.Context(), checkTimeout+time.Second)
		defer cancel()
		report, err := r.Report(ctx)
		require.NoError(t, err)
		require.EqualError(t, report.Errors["temporal"], "no response within 3s")
		require.EqualError(t, report.Errors["database"], "waited for a connection")
		require.NoError(t, report.Errors["nats"])
	})
}
