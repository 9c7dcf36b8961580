package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind is the type of a metric.
type Kind string

// Types of metrics.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Definition declares a metric.
type Definition struct {
	Name   string
	Kind   Kind
	Labels []string
	Roles  []string // that export it
	Help   string
	// Buckets are the upper bounds of a histogram, in seconds.
	Buckets []float64
}

var (
	// secondsBuckets suit a call or a statement: a millisecond to two minutes.
	secondsBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120}
	// runBuckets suit a run: a second to a day.
	runBuckets = []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400}
)

// definition returns the declaration of a metric. It panics for a name that Definitions
// lacks.
func definition(name string) Definition {
	for _, d := range Definitions {
		if d.Name == name {
			return d
		}
	}
	panic(fmt.Sprintf("metric %q is not declared", name))
}

func counter(r prometheus.Registerer, name string) *prometheus.CounterVec {
	d := definition(name)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
	r.MustRegister(c)
	return c
}

func histogram(r prometheus.Registerer, name string) *prometheus.HistogramVec {
	d := definition(name)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: d.Buckets}, d.Labels)
	r.MustRegister(h)
	return h
}

func desc(name string) *prometheus.Desc {
	d := definition(name)
	return prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
}
