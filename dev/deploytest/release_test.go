//go:build git

package deploytest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkout returns a clone of this repository at its commit, in a folder of its own.
func checkout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.Base(t.Name()))
	out, err := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--no-tags", root, dir).CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// release builds a release for this platform and returns the output.
func release(t *testing.T, dir, version string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "dev", "release.sh"), version)
	cmd.Env = append(os.Environ(), "PLATFORMS="+runtime.GOOS+"/"+runtime.GOARCH)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Two checkouts of a commit give the same bytes: a static binary that knows its version, its SBOM
// and their checksums.
func TestReleaseIsReproducible(t *testing.T) {
	t.Parallel()
	const version = "v9.8.7-rc.1"
	name := "lazisync_" + version + "_" + runtime.GOOS + "_" + runtime.GOARCH
	var checksums []string
	for range 2 {
		dir := checkout(t)
		out, err := release(t, dir, version)
		require.NoError(t, err, out)
		require.Contains(t, out, name)
		dist := filepath.Join(dir, "dist")
		sums, err := os.ReadFile(filepath.Join(dist, "checksums.txt"))
		require.NoError(t, err)
		checksums = append(checksums, string(sums))

		printed, err := exec.CommandContext(t.Context(), filepath.Join(dist, name), "--version").Output()
		require.NoError(t, err)
		require.Contains(t, string(printed), "9.8.7-rc.1")
		requireBill(t, filepath.Join(dist, name+".cdx.json"))
	}
	require.Equal(t, checksums[0], checksums[1])
}

// requireBill requires an SBOM with the dependencies of lazisync.
func requireBill(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var bill struct {
		BOMFormat  string
		Components []struct{ Name, Version string }
	}
	require.NoError(t, json.Unmarshal(text, &bill))
	require.Equal(t, "CycloneDX", bill.BOMFormat)
	versions := map[string]string{}
	for _, c := range bill.Components {
		versions[c.Name] = c.Version
	}
	for _, module := range []string{"github.com/nats-io/nats.go", "go.temporal.io/sdk", "github.com/jackc/pgx/v5"} {
		require.Contains(t, versions, module)
		require.NotEmpty(t, versions[module], module)
	}
}

func TestReleaseRefusesWhatCannotBeRepeated(t *testing.T) {
	t.Parallel()
	dir := checkout(t)
	for _, version := range []string{"", "0.1.0", "v1", "v1.2.3 "} {
		out, err := release(t, dir, version)
		require.Error(t, err)
		require.Contains(t, out, `version: got "`+version+`", want one such as v0.1.0`)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), nil, 0o600))
	out, err := release(t, dir, "v1.2.3")
	require.Error(t, err)
	require.Contains(t, out, "the working tree has changes")
}
