package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each line of a drawing in architecture.md names a file and a function in it.
func TestDocsDrawingsNameWhatExists(t *testing.T) {
	t.Parallel()
	hop := regexp.MustCompile(`(?m)^[│├└─ ]*((?:[a-z_]+/)+[a-z_]+\.go) +(\w+) `)
	hops := hop.FindAllStringSubmatch(readDocument(t, "docs/architecture.md").text, -1)
	require.Greater(t, len(hops), 25)
	for _, h := range hops {
		text, err := os.ReadFile(filepath.Join(root, h[1]))
		require.NoError(t, err)
		require.Regexp(t, `(?m)^func (\([^)]*\) )?`+h[2]+`[\[(]`, string(text), "%s has no function %s", h[1], h[2])
	}
}
