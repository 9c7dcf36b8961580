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
	info, _ := debug.ReadBuildInfo()
	return versionOf(version, info)
}

// versionOf returns the release or, if it is "", the version in the build information, which
// is nil if the program was built without it.
func versionOf(release string, info *debug.BuildInfo) string {
	switch {
	case release != "":
		return release
	case info == nil || info.Main.Version == "":
		return "devel"
	}
	return strings.Trim(info.Main.Version, "()")
}
