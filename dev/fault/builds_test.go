//go:build fault

package fault

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// changed builds lazisync with changed code, from a copy of the sources.
func changed(t *testing.T, c change) (program string) {
	t.Helper()
	dir := t.TempDir()
	original, text := c.apply(t)
	replacement := filepath.Join(dir, filepath.Base(c.file))
	require.NoError(t, os.WriteFile(replacement, []byte(text), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replacement}})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	program = filepath.Join(dir, "lazisync")
	require.NoError(t, process.Build(filepath.Join("..", ".."), program, "failpoint", "-overlay="+list))
	return program
}
