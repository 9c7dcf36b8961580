package temporal

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestSDKMetricsAreExported(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := newSDKMetrics()
	r.MustRegister(m)
	var failed int64
	h := (&taskFailures{sdkHandler{metrics: m}, func(n int64) { failed += n }}).WithTags(map[string]string{"namespace": "default"})
	h.Counter("temporal_request").Inc(2)
	h.WithTags(map[string]string{"operation": "Poll-X"}).Counter("temporal_request").Inc(3)
	h.Gauge("temporal_worker_task_slots_available").Update(7)
	h.Timer("temporal_request_latency").Record(2 * time.Second)
	h.WithTags(map[string]string{"workflow_type": "FullSync"}).Counter("temporal_workflow_task_execution_failed").Inc(1)

	require.EqualValues(t, 1, failed)
	require.Equal(t, map[string]float64{
		"temporal_request_total default":                                 2,
		"temporal_request_total default Poll-X":                          3,
		"temporal_worker_task_slots_available default":                   7,
		"temporal_workflow_task_execution_failed_total default FullSync": 1,
		"temporal_request_latency_seconds default":                       2,
	}, gathered(t, r))
}

// gathered returns the values of all series, a histogram's sum, by name and label values.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
		}
	}
	return values
}
