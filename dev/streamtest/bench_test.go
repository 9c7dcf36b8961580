package streamtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// BenchmarkPublishAll measures the rate of published answers.
func BenchmarkPublishAll(b *testing.B) {
	r := newRig(b)
	all := make([]events.Event, b.N)
	for i := range all {
		all[i] = request(b, fmt.Sprintf("r-%d", i))
	}
	b.ResetTimer()
	for _, err := range r.conn.PublishAll(context.Background(), all) {
		require.NoError(b, err)
	}
}

// BenchmarkBatches measures the rate at which requests are fetched and acknowledged.
func BenchmarkBatches(b *testing.B) {
	r := newRig(b)
	all := make([]events.Event, b.N)
	for i := range all {
		all[i] = request(b, fmt.Sprintf("r-%d", i))
	}
	for _, err := range r.conn.PublishAll(context.Background(), all) {
		require.NoError(b, err)
	}
	handled, left := make(chan struct{}), b.N
	b.ResetTimer()
	r.consume(b, stream.ConsumerRequests, stream.BatchOptions{Max: 500, Wait: time.Second},
		func(ctx context.Context, batch []*stream.Message) error {
			if left -= len(batch); left == 0 {
				defer close(handled)
			}
			return ackAll(ctx, batch)
		})
	<-handled
}
