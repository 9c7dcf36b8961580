#!/usr/bin/env bash
# Builds a release into dist/: lazisync as a static binary for each platform, its SBOM
# (CycloneDX) and checksums. The same commit and Go version give the same bytes, on any machine.
#
#   dev/release.sh [VERSION]      default: the tag of the commit, such as v0.1.0
set -euo pipefail
cd "$(dirname "$0")/.."

platforms=${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}

if [ -n "$(git status --porcelain)" ]; then
	echo "release: the working tree has changes, want a clean checkout of the commit to release" >&2
	exit 1
fi
version=${1:-$(git describe --tags --exact-match 2>/dev/null || true)}
if ! [[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
	echo "release: version: got \"$version\", want one such as v0.1.0: tag the commit, or run make release VERSION=v0.1.0" >&2
	exit 1
fi

rm -rf dist
mkdir -p dist
export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='-mod=readonly -trimpath' # also of the tool, so that packages compile once
for platform in $platforms; do
	name=lazisync_${version}_${platform/\//_}
	echo "$name"
	GOOS=${platform%/*} GOARCH=${platform#*/} go build \
		-ldflags "-s -w -X github.com/lazi/lazisync/internal/telemetry.version=${version#v}" -o "dist/$name" ./cmd/lazisync
	# Without a serial number and a time, which would differ in each build.
	go tool -modfile="$PWD/tools/go.mod" cyclonedx-gomod bin -json -noserial -version "$version" -output "dist/$name.cdx.json" "dist/$name" 2>/dev/null
	sed -i.bak '/^    "timestamp": /d' "dist/$name.cdx.json" && rm "dist/$name.cdx.json.bak"
done

cd dist
if command -v sha256sum >/dev/null; then sha256sum -- * >checksums.txt; else shasum -a 256 -- * >checksums.txt; fi
cat checksums.txt
