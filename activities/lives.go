package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Lives has every activity that is asked for a heartbeat show that it lives for as long
// as it works. So the death of a worker is noticed soon, and one that waits for the
// database keeps its time: it is not begun anew beside itself. Slices tell by themselves.
type Lives struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*Lives) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &living{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type living struct {
	interceptor.ActivityInboundInterceptorBase
}

// beatsInTimeout is how often an activity tells within the time after which it is taken
// for dead. What is over sooner tells nothing, and costs nothing.
const beatsInTimeout = 4

func (l *living) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	every := activity.GetInfo(ctx).HeartbeatTimeout / beatsInTimeout
	if every <= 0 { // it was scheduled by a version that asked for none
		return l.Next.ExecuteActivity(ctx, in)
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
	return l.Next.ExecuteActivity(ctx, in)
}
