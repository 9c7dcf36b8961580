package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// acquireSlot takes a slot. It reports false if none is free.
func acquireSlot(slots chan struct{}) (release func(), free bool) {
	if slots == nil {
		return func() {}, true
	}
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, true
	default:
		return nil, false
	}
}

// errNoSlot returns an error that makes Temporal retry the slice, the first time in a second, later in
// five: many slices may be waiting, and slots become free all the time.
func errNoSlot(ctx context.Context, why string) error {
	delay := time.Duration(min(activity.GetInfo(ctx).Attempt, 5)) * time.Second
	return temporal.NewApplicationErrorWithOptions(why, "Busy",
		temporal.ApplicationErrorOptions{NextRetryDelay: delay, Category: temporal.ApplicationErrorCategoryBenign})
}
