package telemetry

import (
	"runtime/debug"
	"strings"
)

// version is the version of a release. The Dockerfile sets it:
// -ldflags "-X github.com/lazi/lazisync/internal/telemetry.version=1.2.3".
var version string

// Version returns the version of lazisync: that of a release, such as "1.2.3", or what Go
// knows of the source, a version of the module or "devel".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.Trim(info.Main.Version, "()")
	}
	return "devel"
}
