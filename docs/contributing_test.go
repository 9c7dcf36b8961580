package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A recipe's heading counts its files: ### New entity (5 files)
var recipeHeading = regexp.MustCompile(`(?m)^### New .*\((\d+) files\)$`)

func TestDocsRecipesCountFilesThatExist(t *testing.T) {
	t.Parallel()
	text := readDocument(t, "CONTRIBUTING.md").text
	placeholder := regexp.MustCompile(`<[^>]+>`)
	headings := recipeHeading.FindAllStringSubmatchIndex(text, -1)
	require.GreaterOrEqual(t, len(headings), 7)
	for _, h := range headings {
		title, count := text[h[0]:h[1]], text[h[2]:h[3]]
		section, _, _ := strings.Cut(text[h[1]:], "\n#")
		rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1)
		require.Equal(t, count, strconv.Itoa(len(rows)), title)
		for _, row := range rows {
			found, err := filepath.Glob(filepath.Join(root, placeholder.ReplaceAllString(row[1], "*")))
			require.NoError(t, err)
			require.NotEmpty(t, found, "%s: %s", title, row[1])
		}
	}
}

// The table of layers in CONTRIBUTING.md equals the one that internal/testing/layers enforces,
// except for test packages and for failpoint, which the text below the table covers.
func TestDocsTableOfLayersIsEnforced(t *testing.T) {
	t.Parallel()
	variables := layerVariables(t)
	want := map[string][]string{}
	for _, element := range variables["mayImport"].Elts {
		pair := element.(*ast.KeyValueExpr)
		want[unquote(t, pair.Key)] = shortNames(literals(t, pair.Value.(*ast.CompositeLit)))
	}
	for _, name := range literals(t, variables["outside"]) {
		if !strings.HasSuffix(name, "/simulator") { // a program of its own imports it
			delete(want, name)
		}
	}
	maps.DeleteFunc(want, func(name string, _ []string) bool {
		return name == "docs" || strings.HasPrefix(name, "internal/testing/")
	})

	_, section, _ := strings.Cut(readDocument(t, "CONTRIBUTING.md").text, "\n## Layers\n")
	section, _, _ = strings.Cut(section, "\n## ")
	got := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.+`) \\| (.+) \\|$").FindAllStringSubmatch(section, -1) {
		imports, _, _ := strings.Cut(row[2], ";")
		var list []string
		switch {
		case imports == "all packages":
			list = []string{"*"}
		case !strings.HasPrefix(imports, "nothing"):
			list = strings.Split(imports, ", ")
		}
		for _, name := range strings.Split(row[1], ", ") {
			got[strings.Trim(name, "`")] = shortNames(list)
		}
	}
	require.Equal(t, want, got)
}

// layerVariables parses the composite literals of the layers test by the name of their variable.
func layerVariables(t *testing.T) map[string]*ast.CompositeLit {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal/testing/layers/layers_test.go"), nil, 0)
	require.NoError(t, err)
	found := map[string]*ast.CompositeLit{}
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if literal, ok := spec.Values[0].(*ast.CompositeLit); ok {
				found[spec.Names[0].Name] = literal
			}
		}
		return true
	})
	require.Contains(t, found, "mayImport")
	require.Contains(t, found, "outside")
	return found
}

func literals(t *testing.T, list *ast.CompositeLit) (texts []string) {
	t.Helper()
	for _, element := range list.Elts {
		texts = append(texts, unquote(t, element))
	}
	return texts
}

func unquote(t *testing.T, e ast.Expr) string {
	t.Helper()
	if name, ok := e.(*ast.Ident); ok && name.Name == "anything" {
		return "*"
	}
	text, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	require.NoError(t, err)
	return text
}

// shortNames returns the last elements of package paths, sorted, without failpoint.
func shortNames(paths []string) []string {
	names := []string{}
	for _, p := range paths {
		if name := path.Base(p); name != "failpoint" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
