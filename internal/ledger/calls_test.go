package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallsAreSpreadOverTheirSpan(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	span := func(from, to time.Duration, calls int64) CallSpan {
		return CallSpan{TenantID: "1", From: since.Add(from), To: since.Add(to), Calls: calls}
	}
	for name, c := range map[string]struct {
		span CallSpan
		want []float64
	}{
		"within an interval":        {span(time.Minute, 2*time.Minute, 6), []float64{6, 0, 0}},
		"over several":              {span(5*time.Minute, 25*time.Minute, 40), []float64{10, 20, 10}},
		"began earlier":             {span(-10*time.Minute, 10*time.Minute, 40), []float64{20, 0, 0}},
		"ended earlier":             {span(-20*time.Minute, -10*time.Minute, 40), []float64{0, 0, 0}},
		"one call without duration": {span(15*time.Minute, 15*time.Minute, 1), []float64{0, 1, 0}},
		"of another tenant":         {CallSpan{TenantID: "2", From: since, To: since.Add(time.Minute), Calls: 5}, []float64{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.InDeltaSlice(t, c.want, CallsByInterval([]CallSpan{c.span}, "1", since, 10*time.Minute, 3), 1e-9)
		})
	}
}
