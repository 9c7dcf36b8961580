package telemetry

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionIsThatOfTheReleaseOrOfTheModule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, release, module, want string
	}{
		{"release", "1.2.3", "v0.1.0", "1.2.3"},
		{"installed module", "", "v0.1.0", "v0.1.0"},
		{"source", "", "(devel)", "devel"},
		{"no build information", "", "", "devel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, versionOf(c.release, &debug.BuildInfo{Main: debug.Module{Version: c.module}}))
		})
	}
	require.Equal(t, "devel", versionOf("", nil))
	require.NotEmpty(t, Version())
}
