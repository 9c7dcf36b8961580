package connect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/connect"
)

func TestParallelFollowsTheRateBudget(t *testing.T) {
	t.Parallel()
	for budget, want := range map[float64]int{0.01: 4, 4: 4, 7.5: 8, 40: 40, 50: 48, 60: 48} {
		require.Equal(t, want, connect.Parallel(budget), "%v calls/s", budget)
	}
}
