package temporal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestPollersThatStoppedAreNotActive(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ages []time.Duration
		want Pollers
	}{
		"none":                {nil, Pollers{}},
		"a waiting poll":      {[]time.Duration{time.Minute}, Pollers{1, now.Add(-time.Minute)}},
		"stopped":             {[]time.Duration{2 * time.Minute}, Pollers{0, now.Add(-2 * time.Minute)}},
		"one of two stopped":  {[]time.Duration{2 * time.Minute, time.Second}, Pollers{1, now.Add(-time.Second)}},
		"the server is ahead": {[]time.Duration{-time.Minute}, Pollers{1, now.Add(time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var listed []*taskqueuepb.PollerInfo
			for _, age := range c.ages {
				listed = append(listed, &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(now.Add(-age))})
			}
			require.Equal(t, c.want, pollersAt(listed, now))
		})
	}
}
