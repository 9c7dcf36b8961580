package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Heartbeats sends the heartbeats of short activities while they work. The death of a
// worker is noticed soon, and yet an activity that waits for the database keeps its time:
// it is not begun anew beside itself. Slices send their own.
type Heartbeats struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*Heartbeats) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &beating{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type beating struct {
	interceptor.ActivityInboundInterceptorBase
}

// beatsInTimeout is how often an activity tells within the time after which it is taken
// for dead. What is over sooner tells nothing, and costs nothing.
const beatsInTimeout = 4

func (b *beating) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	every := activity.GetInfo(ctx).HeartbeatTimeout / beatsInTimeout
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
