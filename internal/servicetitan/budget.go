package servicetitan

import (
	"context"

	"golang.org/x/time/rate"
)

// budget is how many calls one tenant may make. Background calls pass a
// narrower gate first, so that whatever they do a share of the budget is free
// for interactive calls.
type budget struct {
	all        *rate.Limiter
	background *rate.Limiter
}

const (
	backgroundShare = 0.8
	// burstShare of a second's calls may go at once. A budget of 50 and its
	// burst together then stay within the 60 calls a second of the API.
	burstShare = 0.1
)

func newBudget(perSecond float64) *budget {
	burst := max(1, int(perSecond*burstShare))
	return &budget{
		all:        rate.NewLimiter(rate.Limit(perSecond), burst),
		background: rate.NewLimiter(rate.Limit(perSecond*backgroundShare), burst),
	}
}

// wait blocks until a call may go out.
func (b *budget) wait(ctx context.Context, interactive bool) error {
	if !interactive {
		if err := b.background.Wait(ctx); err != nil {
			return err
		}
	}
	return b.all.Wait(ctx)
}
