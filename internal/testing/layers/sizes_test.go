package layers

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
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
	for file, text := range goFiles(t) {
		if isProduction(file) && strings.HasPrefix(file, "internal/app/") {
			total += bytes.Count(text, []byte("\n"))
		}
	}
	require.NotZero(t, total)
	require.Less(t, total, maxAppLines, "lines of internal/app without tests")
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for file, text := range goFiles(t) {
		if isProduction(file) {
			require.LessOrEqual(t, bytes.Count(text, []byte("\n")), maxFileLines, "%s: split it by concern", file)
		}
	}
}

// Tests whose servers are of package testserver do not close each other's connections.
func TestServersOfTestsAreOfTestserver(t *testing.T) {
	t.Parallel()
	starts := regexp.MustCompile(`\bhttptest\.New(Unstarted|TLS)?Server\(`)
	for file, text := range goFiles(t) {
		require.Falsef(t, starts.Match(text), "%s: start the server with package internal/testing/testserver", file)
	}
}

func isProduction(file string) bool { return !strings.HasSuffix(file, "_test.go") }

// goFiles returns the Go files of the module and of the module dev by their path.
func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	files := map[string][]byte{}
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
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}
