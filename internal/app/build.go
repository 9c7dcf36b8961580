package app

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// version is that of a release; the Dockerfile sets it:
// -ldflags "-X github.com/lazi/lazisync/internal/app.version=1.2.3".
var version string

// Version says which lazisync this is: that of a release, "1.2.3", or what Go knows of
// the source it was built from, a version of the module or "devel".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.Trim(info.Main.Version, "()")
	}
	return "devel"
}

// buildInfo is always 1; what it tells is in its labels.
func buildInfo() prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lazisync_build_info", Help: "Always 1; its labels say which lazisync this is.",
		ConstLabels: prometheus.Labels{"version": Version(), "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}
