package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The last column of the glossary names identifiers, files, tables and columns. Each exists.
func TestDocsGlossaryNamesWhatExists(t *testing.T) {
	t.Parallel()
	sources := readSources(t)
	has := func(folder, pattern string) bool {
		for path, text := range sources {
			if (folder == "" || filepath.Base(filepath.Dir(path)) == folder) && regexp.MustCompile(pattern).MatchString(text) {
				return true
			}
		}
		return false
	}
	count := 0
	for _, row := range regexp.MustCompile(`(?m)^\| [^|]+ \| [^|]+ \| ([^|]+) \|$`).FindAllStringSubmatch(readDocument(t, "docs/glossary.md").text, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			count++
			name := name[1]
			parts := strings.Split(name, ".")
			switch {
			case strings.HasPrefix(name, "lazisync "): // TestDocsCommandsExist
			case strings.Contains(name, "/"):
				_, err := os.Stat(filepath.Join(root, name))
				require.NoError(t, err, name)
			case parts[0] == "raw" && len(parts) > 1:
				table := `\braw\.` + parts[1] + `\b`
				require.True(t, has("migrations", table), name)
				if len(parts) > 2 {
					require.True(t, has("migrations", `(?s)`+table+`.*\b`+parts[2]+`\b`), name)
				}
			case len(parts) == 2: // package.Identifier
				declared := `(?m)^(func|type|var|const|\t)\s*(\([^)]*\) )?` + parts[1] + `\b`
				require.True(t, has(parts[0], declared), name)
			default:
				require.True(t, has("", `\b`+regexp.QuoteMeta(name)+`\b`), name)
			}
		}
	}
	require.Greater(t, count, 50)
}

// readSources reads the Go, SQL and JSON files of the product, by path.
func readSources(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	for _, folder := range []string{"activities", "bridge", "cmd", "events", "internal", "schemas", "workflows"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			switch filepath.Ext(path) {
			case ".go", ".sql", ".json":
				text, err := os.ReadFile(path)
				sources[path] = string(text)
				return err
			}
			return nil
		}))
	}
	return sources
}
