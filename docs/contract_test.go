package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/schemas"
)

// validate decodes a message and validates its data, as a consumer does.
func validate(m events.Message) error {
	event, err := events.Decode(m)
	if err != nil {
		return err
	}
	definition, _ := events.BySubject(m.Subject) // Decode has checked the subject
	_, err = definition.Read(event)
	return err
}

// The info string of a JSON block may name the subject of the example: ```json sync.requested
func TestDocsExamplesOfEventsAreValid(t *testing.T) {
	t.Parallel()
	count := 0
	for _, d := range documents(t) {
		for _, f := range d.fence {
			language, subject, _ := strings.Cut(f.info, " ")
			if language != "json" {
				continue
			}
			require.True(t, json.Valid([]byte(f.text)), "%s:\n%s", d.name, f.text)
			if subject == "" {
				continue
			}
			count++
			require.NoError(t, validate(message(subject, f.text)), "%s:\n%s", d.name, f.text)
		}
	}
	require.Positive(t, count)
}

func message(subject, body string) events.Message {
	m := events.Message{Subject: subject, Data: []byte(body), Stream: "SYNC_COMMANDS", Sequence: 1}
	if definition, ok := events.BySubject(subject); ok && !definition.Command && !strings.Contains(body, "specversion") {
		m.Data = fmt.Appendf(nil, `{"specversion":"1.0","id":"1","source":"/docs","type":%q,"data":%s}`, definition.Name, body)
	}
	return m
}

var (
	publication = regexp.MustCompile(`nats (?:-s \S+ )?pub (\S+) '([^']+)'((?: -H '?[^']+'?)*)`)
	headerFlag  = regexp.MustCompile(`-H '?([^:']+):\s*([^']+)'?`)
)

func TestDocsPublishValidCommands(t *testing.T) {
	t.Parallel()
	count := 0
	for _, d := range documents(t) {
		for _, found := range publication.FindAllStringSubmatch(strings.ReplaceAll(d.text, "\\\n", ""), -1) {
			count++
			m := message(found[1], found[2])
			m.Header = map[string][]string{}
			for _, h := range headerFlag.FindAllStringSubmatch(found[3], -1) {
				m.Header[strings.TrimSpace(h[1])] = []string{strings.TrimSpace(h[2])}
			}
			require.NoError(t, validate(m), "%s: %s", d.name, found[0])
		}
	}
	require.Positive(t, count)
}

func TestDocsNameSubjectsAndTypesThatExist(t *testing.T) {
	t.Parallel()
	contract := readDocument(t, "docs/events.md").text
	for _, definition := range events.All() {
		require.Contains(t, contract, "`"+definition.Subject+"`")
	}
	subject := regexp.MustCompile(`\bsync\.[a-z]+\b`)
	typeName := regexp.MustCompile(`\bcom\.lazi\.[a-z.]+\.v\d+\b`)
	for _, d := range documents(t) {
		for _, name := range typeName.FindAllString(d.text, -1) {
			_, known := events.ByType(name)
			require.True(t, known, "%s: %s", d.name, name)
		}
		for _, name := range subject.FindAllString(d.text, -1) {
			_, known := events.BySubject(name)
			require.True(t, known, "%s: %s", d.name, name)
		}
	}
}

// One table of events.md lists the sets of values of the schemas.
func TestDocsListTheKnownValues(t *testing.T) {
	t.Parallel()
	want := map[string][]string{}
	for _, definition := range events.All() {
		text, err := schemas.Files.ReadFile(definition.Schema)
		require.NoError(t, err)
		var document any
		require.NoError(t, json.Unmarshal(text, &document))
		collectEnums(document, "", want)
	}
	delete(want, "type") // error types are added below; those of outcomes are event types
	want["error.type"] = errorTypes(t)
	want["waiting.why"] = want["why"]
	delete(want, "why")

	got := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| ((?:`[a-zA-Z]+`(?:, )?)+) \\|$")
	_, table, found := strings.Cut(readDocument(t, "docs/events.md").text, "## Known values")
	require.True(t, found)
	for _, line := range row.FindAllStringSubmatch(table, -1) {
		got[line[1]] = strings.Split(strings.ReplaceAll(line[2], "`", ""), ", ")
	}
	for name := range want {
		slices.Sort(want[name])
		slices.Sort(got[name])
	}
	require.Equal(t, want, got)
}

// collectEnums collects the sets of values of a schema, closed and open ones, by the name of
// the property.
func collectEnums(node any, property string, into map[string][]string) {
	switch node := node.(type) {
	case map[string]any:
		values, known := node["enum"].([]any)
		if !known {
			values, known = node["examples"].([]any)
		}
		if known {
			for _, value := range values {
				if text := fmt.Sprint(value); !slices.Contains(into[property], text) {
					into[property] = append(into[property], text)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(node)) {
			next := name
			if name == "properties" || name == "items" || name == "$defs" {
				next = property
			}
			collectEnums(node[name], next, into)
		}
	case []any:
		for _, value := range node {
			collectEnums(value, property, into)
		}
	}
}

func errorTypes(t *testing.T) []string {
	t.Helper()
	text, err := schemas.Files.ReadFile(events.Failed.Schema)
	require.NoError(t, err)
	enum := regexp.MustCompile(`(?s)"examples": \[([^\]]*"Terminated"[^\]]*)\]`).FindStringSubmatch(string(text))
	require.NotNil(t, enum)
	var list []string
	require.NoError(t, json.Unmarshal([]byte("["+enum[1]+"]"), &list))
	return list
}

// data.md describes every table of the ledger, column by column.
func TestDocsDescribeEveryColumn(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(root, "internal/store/migrations/*.sql"))
	require.NoError(t, err)
	table := regexp.MustCompile(`(?ms)^create (?:unlogged )?table (raw\.\w+) \(\n(.*?)^\);`)
	altered := regexp.MustCompile(`(?ms)^alter table (raw\.\w+)\n(.*?);`)
	column := regexp.MustCompile(`(?m)^    ([a-z_]+) +[a-z]`)
	added := regexp.MustCompile(`(?m)^    add column ([a-z_]+) +[a-z]`)
	row := regexp.MustCompile("(?m)^\\| ((?:`\\w+`(?:, )?)+) \\|")
	document := readDocument(t, "docs/data.md").text
	want := map[string][]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range table.FindAllStringSubmatch(string(text), -1) {
			for _, c := range column.FindAllStringSubmatch(found[2], -1) {
				if !slices.Contains([]string{"unique", "check", "primary"}, c[1]) {
					want[found[1]] = append(want[found[1]], c[1])
				}
			}
		}
		for _, found := range altered.FindAllStringSubmatch(string(text), -1) {
			for _, c := range added.FindAllStringSubmatch(found[2], -1) {
				want[found[1]] = append(want[found[1]], c[1])
			}
		}
	}
	require.NotEmpty(t, want)
	for name, columns := range want {
		_, rest, described := strings.Cut(document, "## `"+name+"`\n")
		require.True(t, described, "data.md does not describe %s", name)
		section, _, _ := strings.Cut(rest, "\n## ")
		var got []string
		for _, r := range row.FindAllStringSubmatch(section, -1) {
			got = append(got, strings.Split(strings.ReplaceAll(r[1], "`", ""), ", ")...)
		}
		require.ElementsMatch(t, columns, got, name)
	}
}

func TestDocsNameTablesThatExist(t *testing.T) {
	t.Parallel()
	var known strings.Builder
	paths, err := filepath.Glob(filepath.Join(root, "internal/store/*.go"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(root, "internal/store/migrations/*.sql"))
	require.NoError(t, err)
	for _, path := range append(paths, more...) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		known.Write(text)
	}
	for _, e := range entity.Catalogue {
		known.WriteString(" raw." + e.Table() + " ")
	}
	known.WriteString(" raw.schema_versions ")
	for _, d := range documents(t) {
		for _, name := range regexp.MustCompile(`\braw\.[a-z_]+\b`).FindAllString(d.text, -1) {
			if strings.HasSuffix(name, "_") {
				continue
			}
			exists := regexp.MustCompile(regexp.QuoteMeta(name) + `\b`).MatchString(known.String())
			require.True(t, exists, "%s: %s", d.name, name)
		}
	}
}
