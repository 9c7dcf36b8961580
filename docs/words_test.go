package docs

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// retiredWords are words of the project's former vocabulary and the terms to use instead, see
// docs/glossary.md.
var retiredWords = map[string]string{
	`(come|comes|came|coming) again`: "redelivered, repeated",
	`(go|goes|went|gone|going) on`:   "continue, resume",
	`mend|mends|mended|mending`:      "repair, reconcile, fix",
	`told|(tell|tells) of`:           "notify, report",
	`unheard`:                        "unknown to Temporal",
	`misfits?`:                       "cast failure",
	`amiss`:                          "diff",
	`side[- ]tables?`:                "staging table",
	`gates?`:                         "run lock",
	`letters?`:                       "dead letter, pending message",
	`likeness`:                       "dedup key",
	`nobody|whoever`:                 "name the subject",
	`restless|(come|comes|came|coming) to rest`: "unstable",
	`afresh`:            "again",
	`verdicts?|fates?`:  "result, execution status",
	`heed|heeds|heeded`: "apply",
	`carriers?`:         "reminder",
	`in hand`:           "leased",
	`earlier (sync )?(worker|program|workflow|table)s?`: "legacy worker, legacy workflows, legacy tables",
	`(is|are|was|were) away`:                            "unavailable",
	`budget of calls`:                                   "rate budget",
	`parked|parks|parking`:                              "dead-letter",
	`(hear|hears|heard) of`:                             "receive",
	`for good`:                                          "permanently",
	`for ever`:                                          "forever",
	`(get|gets) on`:                                     "makes progress",
	`(held|hold|holds) up`:                              "delay",
	`on (its|their) way`:                                "in progress, in flight",
	`nothing but`:                                       "only",
	`in good order`:                                     "clean shutdown",
	`(does|do) without`:                                 "does not need, omits",
	`(stand|stands|stood) still`:                        "stops, does not progress",
	`at rest`:                                           "idle",
	`everybody|anybody`:                                 "name the subject",
	`anew`:                                              "again, recreated",
	`(stand|stands|stood) for`:                          "means, represents",
}

// allowedPhrases contain a retired word in its common sense.
var allowedPhrases = map[string]string{
	`dead[- ]letters?`:                   "the term of the field",
	`first letter|with a letter`:         "a character",
	`letters(,| and) digits`:             "characters",
	`letters to (insert|delete|replace)`: "characters",
	`account nobody`:                     "the name of an account",
	`account postgres or nobody`:         "the names of accounts",
	`gate code`:                          "a field of customers",
	`is letter`:                          "unicode.IsLetter",
	`map carrier`:                        "a type of OpenTelemetry",
	"verdict` and `mend":                 "deprecated names in JSON",
}

// notYetFile lists files and packages that still use retired words. It is empty, and stays so. Write it with
//
//	go test ./docs -run RetiredWords -update-words
const notYetFile = "testdata/retired-words.txt"

var updateWords = flag.Bool("update-words", false, "write "+notYetFile)

func TestNoRetiredWords(t *testing.T) {
	t.Parallel()
	found := map[string][]string{} // by file, or by package for comments in Go files
	for _, file := range textFiles(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimPrefix(file, root+"/")
		for _, word := range retiredIn(string(text)) {
			found[name] = append(found[name], name+": "+word)
		}
	}
	fileSet := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "words_test.go") {
			return err
		}
		file, err := parser.ParseFile(fileSet, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		words := docComments(file) + "\n" + strings.Join(identifiers(file), "\n")
		if !strings.HasSuffix(path, "_test.go") {
			words += "\n" + sentences(t, file)
		}
		for _, word := range retiredIn(words) {
			found[filepath.Dir(name)] = append(found[filepath.Dir(name)], name+": "+word)
		}
		return nil
	}))

	if *updateWords {
		text := strings.Join(slices.Sorted(maps.Keys(found)), "\n") + "\n"
		require.NoError(t, os.WriteFile(notYetFile, []byte(text), 0o644))
	}
	text, err := os.ReadFile(notYetFile)
	require.NoError(t, err)
	notYet := strings.Fields(string(text))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(notYet, name) {
			t.Error(strings.Join(found[name], "\n"))
		}
	}
	for _, name := range notYet {
		require.NotEmpty(t, found[name], "%s has no retired words any more: remove it from %s", name, notYetFile)
	}
}

// textFiles returns the files that users read. It omits generated files and test data.
func textFiles(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{
		"*.md", "docs/*.md", "docs/adr/*.md", "examples/*.md", "examples/shell/*", "deploy/*", "deploy/*/*", "deploy/*/*/*",
		"docker-compose.yml", "Dockerfile", "Makefile", ".env.example", ".golangci.yml", ".ci/*", "dev/*.sh", "schemas/*.json",
	} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				files = append(files, path)
			}
		}
	}
	return files
}

// docComments returns the doc comments of a file: of its package, declarations and fields.
func docComments(file *ast.File) string {
	var texts []string
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.File:
			texts = append(texts, node.Doc.Text())
		case *ast.GenDecl:
			texts = append(texts, node.Doc.Text())
		case *ast.FuncDecl:
			texts = append(texts, node.Doc.Text())
		case *ast.TypeSpec:
			texts = append(texts, node.Doc.Text(), node.Comment.Text())
		case *ast.ValueSpec:
			texts = append(texts, node.Doc.Text(), node.Comment.Text())
		case *ast.Field:
			texts = append(texts, node.Doc.Text(), node.Comment.Text())
		}
		return true
	})
	return strings.Join(texts, "\n")
}

// sentences returns the strings of a file that have several words: what people read.
func sentences(t *testing.T, file *ast.File) string {
	t.Helper()
	var texts []string
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		require.NoError(t, err)
		if strings.Contains(text, " ") {
			texts = append(texts, text+".")
		}
		return true
	})
	return strings.Join(texts, "\n")
}

var wordStart = regexp.MustCompile(`[A-Z][a-z]|[A-Z]+\b`)

// identifiers returns every identifier of a file, local ones too, as separate words.
func identifiers(file *ast.File) []string {
	names := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		if id, ok := node.(*ast.Ident); ok {
			names[wordStart.ReplaceAllString(id.Name, " $0")+"."] = true
		}
		return true
	})
	return slices.Sorted(maps.Keys(names))
}

var (
	retired = regexp.MustCompile(`(?i)\b(` + strings.Join(slices.Sorted(maps.Keys(retiredWords)), "|") + `)\b`)
	allowed = regexp.MustCompile(`(?i)\b(` + strings.Join(slices.Sorted(maps.Keys(allowedPhrases)), "|") + `)\b`)
)

// retiredIn returns each retired word of a text with the term to use.
func retiredIn(text string) (found []string) {
	text = allowed.ReplaceAllString(strings.Join(strings.Fields(text), " "), "")
	for _, word := range retired.FindAllString(text, -1) {
		for pattern, term := range retiredWords {
			if regexp.MustCompile(`(?i)^(` + pattern + `)$`).MatchString(word) {
				found = append(found, `"`+word+`", use: `+term)
			}
		}
	}
	return found
}
