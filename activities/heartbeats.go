package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Heartbeats is an interceptor that sends heartbeats for short activities while they run.
// Temporal so detects a crashed worker within the heartbeat timeout, while an activity that
// waits for the database may use its whole start-to-close timeout. Slices send their own.
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
	if every <= 0 { // scheduled by an earlier version, without a heartbeat timeout
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
