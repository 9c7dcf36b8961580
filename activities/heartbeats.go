package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Heartbeats sends the heartbeats of short activities while they work. The death of a
// worker is noticed soon, and yet an activity that waits for the database keeps its time:
// no second attempt runs beside it. Slices send their own.
type Heartbeats struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*Heartbeats) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &heartbeatInterceptor{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type heartbeatInterceptor struct {
	interceptor.ActivityInboundInterceptorBase
}

// heartbeatsPerTimeout is the number of heartbeats within the heartbeat timeout. An activity
// that ends before the first one sends none.
const heartbeatsPerTimeout = 4

func (b *heartbeatInterceptor) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	every := activity.GetInfo(ctx).HeartbeatTimeout / heartbeatsPerTimeout
	if every <= 0 { // it was scheduled by a version that asked for none
		return b.Next.ExecuteActivity(ctx, in)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-stopped }()
	go func() {
		defer close(stopped)
		beat := time.NewTicker(every)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				activity.RecordHeartbeat(ctx)
			case <-stop:
				return
			}
		}
	}()
	return b.Next.ExecuteActivity(ctx, in)
}
