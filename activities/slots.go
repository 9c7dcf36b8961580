package activities

import (
	"time"

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

// errNoSlot returns an error that makes Temporal retry the slice in a second.
func errNoSlot(why string) error {
	return temporal.NewApplicationErrorWithOptions(why, "Busy",
		temporal.ApplicationErrorOptions{NextRetryDelay: time.Second, Category: temporal.ApplicationErrorCategoryBenign})
}
