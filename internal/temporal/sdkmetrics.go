package temporal

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// sdkBuckets are the upper bounds of the SDK's histograms, in seconds.
var sdkBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// sdkMetrics exports the metrics of Temporal's SDK: counters with the suffix _total, timers
// as histograms with the suffix _seconds, gauges under their own name.
//
// It is an unchecked collector, because the SDK uses some names with different tags. It is
// safe for concurrent use.
type sdkMetrics struct {
	mu         sync.Mutex
	counters   map[string]*prometheus.CounterVec // by name and labels
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
}

func newSDKMetrics() *sdkMetrics {
	return &sdkMetrics{
		counters: map[string]*prometheus.CounterVec{}, gauges: map[string]*prometheus.GaugeVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}
}

// Describe implements prometheus.Collector. It describes nothing.
func (m *sdkMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *sdkMetrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.counters {
		c.Collect(out)
	}
	for _, g := range m.gauges {
		g.Collect(out)
	}
	for _, h := range m.histograms {
		h.Collect(out)
	}
}

// sdkHandler implements client.MetricsHandler with the tags of one place in the SDK.
type sdkHandler struct {
	metrics *sdkMetrics
	tags    map[string]string
}

// WithTags implements client.MetricsHandler.
func (h sdkHandler) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(h.tags)
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range tags {
		all[labelName(key)] = value
	}
	return sdkHandler{h.metrics, all}
}

// Counter implements client.MetricsHandler.
func (h sdkHandler) Counter(name string) client.MetricsCounter {
	c := vec(h, h.metrics.counters, labelName(name)+"_total", func(name string, labels []string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: sdkHelp}, labels)
	}).With(h.tags)
	return counterFunc(func(n int64) { c.Add(float64(max(0, n))) })
}

// Gauge implements client.MetricsHandler.
func (h sdkHandler) Gauge(name string) client.MetricsGauge {
	g := vec(h, h.metrics.gauges, labelName(name), func(name string, labels []string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: sdkHelp}, labels)
	}).With(h.tags)
	return gaugeFunc(g.Set)
}

// Timer implements client.MetricsHandler.
func (h sdkHandler) Timer(name string) client.MetricsTimer {
	t := vec(h, h.metrics.histograms, labelName(name)+"_seconds", func(name string, labels []string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: sdkHelp, Buckets: sdkBuckets}, labels)
	}).With(h.tags)
	return timerFunc(func(d time.Duration) { t.Observe(d.Seconds()) })
}

const sdkHelp = "Of Temporal's SDK; its documentation describes it."

// vec returns the vector of a name and of the handler's labels, and creates it at first.
func vec[V any](h sdkHandler, known map[string]V, name string, create func(name string, labels []string) V) V {
	labels := slices.Sorted(maps.Keys(h.tags))
	key := name + " " + strings.Join(labels, ",")
	h.metrics.mu.Lock()
	defer h.metrics.mu.Unlock()
	v, found := known[key]
	if !found {
		v = create(name, labels)
		known[key] = v
	}
	return v
}

// labelName replaces what Prometheus does not allow in a name.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

type (
	counterFunc func(n int64)
	gaugeFunc   func(value float64)
	timerFunc   func(d time.Duration)
)

// Inc implements client.MetricsCounter.
func (f counterFunc) Inc(n int64) { f(n) }

// Update implements client.MetricsGauge.
func (f gaugeFunc) Update(value float64) { f(value) }

// Record implements client.MetricsTimer.
func (f timerFunc) Record(d time.Duration) { f(d) }
