package layers

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	maxAppLines  = 1000 // internal/app wires; logic belongs into the package that it wires
	maxFileLines = 300
)

func TestAppIsShortEnoughToRead(t *testing.T) {
	t.Parallel()
	total := 0
	for file, lines := range productionFiles(t) {
		if strings.HasPrefix(file, "internal/app/") {
			total += lines
		}
	}
	require.NotZero(t, total)
	require.Less(t, total, maxAppLines, "lines of internal/app without tests")
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for file, lines := range productionFiles(t) {
		require.LessOrEqual(t, lines, maxFileLines, "%s: split it by concern", file)
	}
}

// productionFiles returns the Go files of the module and of the module dev, without tests, by
// their path, with their number of lines.
func productionFiles(t *testing.T) map[string]int {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	files := map[string]int{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		files[filepath.ToSlash(name)] = bytes.Count(text, []byte("\n"))
		return err
	}))
	require.NotEmpty(t, files)
	return files
}
