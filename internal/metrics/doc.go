// Package metrics declares every metric of lazisync and implements, over a Prometheus
// registry, the recorders that the other packages define for what they count and measure. The
// recorders are safe for concurrent use.
//
// internal/app creates one recorder per package and hands it in. The package imports those
// whose label values it knows; none of them imports it.
package metrics
