package docs

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

const root = ".."

// document is a Markdown file of the documentation.
type document struct {
	name  string // path from the root of the repository
	text  string
	fence []fence
}

// fence is a fenced code block. info is its info string, for example "sh".
type fence struct{ info, text string }

// documents reads all documents.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			name, err := filepath.Rel(root, path)
			require.NoError(t, err)
			all = append(all, document{name, string(text), fences(string(text))})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// readDocument returns the document with this path.
func readDocument(t *testing.T, name string) document {
	t.Helper()
	for _, d := range documents(t) {
		if d.name == name {
			return d
		}
	}
	require.Fail(t, "no such document: "+name)
	return document{}
}

func fences(text string) (all []fence) {
	open := false
	for line := range strings.Lines(text) {
		info, mark := strings.CutPrefix(line, "```")
		switch {
		case mark && !open:
			all = append(all, fence{info: strings.TrimSpace(info)})
			open = true
		case mark:
			open = false
		case open:
			all[len(all)-1].text += line
		}
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// anchors returns the anchors that GitHub generates for the headings of a text.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h[1])] = true
	}
	return all
}

func TestDocsLinksResolve(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(d.text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(found[1], "#")
			target := filepath.Join(root, filepath.Dir(d.name), path)
			if path == "" {
				target = filepath.Join(root, d.name)
			}
			info, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", d.name, found[1])
			if anchor == "" || info.IsDir() {
				continue
			}
			text, err := os.ReadFile(target)
			require.NoError(t, err)
			require.Contains(t, anchors(string(text)), anchor, "%s links to %s", d.name, found[1])
		}
	}
}

var update = flag.Bool("update", false, "write the documents that are generated from the code")

func TestDocsGeneratedFromCodeAreCurrent(t *testing.T) {
	t.Parallel()
	for name, want := range generated() {
		if *update {
			require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(want), 0o644))
		}
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got), "%s is stale: go generate ./docs", name)
	}
}

func TestDocsDecisionsAreNumbered(t *testing.T) {
	t.Parallel()
	index := readDocument(t, "docs/adr/README.md").text
	paths, err := filepath.Glob("adr/[0-9]*.md")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	last := 0
	for _, path := range paths {
		name := filepath.Base(path)
		require.Regexp(t, `^\d{4}-[a-z0-9-]+\.md$`, name)
		require.Contains(t, index, "]("+name+")", "the index lists every decision")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), "# "+strings.TrimLeft(name[:4], "0")+". "), name)
		n := int(number(t, name[:4]))
		require.Greater(t, n, last, "numbers increase; gaps are allowed, because a number is never reused or changed")
		last = n
		for _, part := range []string{"## Context", "## Decision", "## Consequences"} {
			require.Contains(t, string(text), part, name)
		}
	}
}

func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(readDocument(t, "README.md").text), "\n")
	require.LessOrEqual(t, len(lines), 150)
	first := strings.Join(lines[:40], "\n")
	require.Contains(t, first, "$ make demo")
	require.Contains(t, first, "$ make test")
}
