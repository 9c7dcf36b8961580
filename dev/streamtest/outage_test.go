package streamtest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/stream"
)

func TestAnOutageCostsOneDelivery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var checks atomic.Int64
	var down atomic.Bool
	down.Store(true)
	o := many
	o.Ready = func(context.Context) error {
		checks.Add(1)
		if down.Load() {
			return errors.New("temporal does not answer")
		}
		return nil
	}
	var deliveries seen[uint64]
	r.consume(t, stream.ConsumerRequests, o, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			deliveries.add(m.Deliveries())
			if down.Load() {
				_ = m.Retry(time.Millisecond)
			}
		}
		if down.Load() {
			return errors.New("temporal is down")
		}
		return ackAll(ctx, batch)
	})
	r.send(t, "sync.requested", "first")
	require.Eventually(t, func() bool { return checks.Load() >= 3 }, patience, tick)
	r.send(t, "sync.requested", "second")
	require.Eventually(t, func() bool { return checks.Load() >= 4 }, patience, tick)
	require.Equal(t, []uint64{1}, deliveries.list(), "nothing is fetched meanwhile")
	require.Equal(t, 1, r.log.Count("temporal does not answer"), "logged once")
	down.Store(false)
	require.ElementsMatch(t, []uint64{1, 2, 1}, deliveries.await(t, 3))
}

func TestAFailingMessageDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := stream.BatchOptions{Max: 1, Wait: time.Second}
	o.Ready = func(context.Context) error { return nil }
	began := time.Now()
	var handled seen[string]
	r.consume(t, stream.ConsumerRequests, o, func(ctx context.Context, batch []*stream.Message) error {
		body := string(batch[0].Event().Data)
		handled.add(body)
		if body == "bad" {
			return errors.Join(errors.New("this one fails"), batch[0].Retry(time.Hour))
		}
		return ackAll(ctx, batch)
	})
	for range 20 {
		r.send(t, "sync.requested", "bad")
	}
	r.send(t, "sync.requested", "good")
	require.Equal(t, "good", handled.await(t, 21)[20])
	require.Less(t, time.Since(began), patience/2, "with a pause after each it would have been minutes")
}
