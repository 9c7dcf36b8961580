package app

import (
	"context"
	"time"

	"github.com/lazi/lazisync/internal/stream"
)

// driftRetry is how long after a failed look at the streams comes the next.
const driftRetry = 5 * time.Second

// tellDrift logs each field of the streams, and of the consumers that the role reads,
// that is not as declared; it ends when it has seen them. They are left as they are: an
// operator may mean it, and only migrate applies what is declared.
func (p *process) tellDrift(role Role) job {
	return func(ctx context.Context) error {
		for {
			differences, err := p.drift(ctx, role)
			if err == nil {
				for _, d := range differences {
					p.log.Warn().Str("object", d.Object).Str("field", d.Field).Str("got", d.Got).Str("want", d.Want).
						Msg("not as declared; \"lazisync migrate\" applies what is")
				}
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(driftRetry):
			}
		}
	}
}

// drift fails where the role is not ready either, which /readyz says with the reason.
func (p *process) drift(ctx context.Context, role Role) ([]stream.Difference, error) {
	if err := p.nats.Ready(ctx, role.consumers...); err != nil {
		return nil, err
	}
	return p.nats.Drift(ctx, role.consumers...)
}
