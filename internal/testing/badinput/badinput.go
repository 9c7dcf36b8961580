package badinput

import (
	"encoding/hex"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is said now into the tables of bad input")

// Check runs each entry of a table as a subtest: what say returns for its input must equal the text
// in the table.
func Check(t *testing.T, path string, say func(t *testing.T, input string) string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	table := parse(string(content))
	require.NotEmpty(t, table, "%s has no entries", path)
	seen := map[string]bool{}
	for i := range table {
		e := &table[i]
		require.False(t, seen[e.name], "%s: %q is there twice", path, e.name)
		seen[e.name] = true
		t.Run(e.name, func(t *testing.T) {
			said := say(t, expand(e.input))
			if *update {
				e.said = said
				return
			}
			require.Equal(t, e.said, said, "input:\n%s", e.input)
		})
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(format(table)), 0o644))
	}
}

// Message splits an input that is a message: its first line, the headers below it and, after a line
// of --, the body.
func Message(input string) (first string, header map[string][]string, body string) {
	head, body, _ := strings.Cut(input, "\n--\n")
	first, lines, _ := strings.Cut(head, "\n")
	header = map[string][]string{}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header[name] = append(header[name], value)
		}
	}
	return first, header, body
}

type entry struct {
	comment string // lines before it, as they are
	name    string
	input   string
	said    string
}

func parse(content string) (table []entry) {
	comment := ""
	for line := range strings.SplitSeq(content, "\n") {
		text, indented := strings.CutPrefix(line, "\t")
		said, answer := strings.CutPrefix(text, "=>")
		switch {
		case !indented && (line == "" || strings.HasPrefix(line, "#")):
			comment += line + "\n"
		case !indented:
			table = append(table, entry{comment: comment, name: line})
			comment = ""
		case answer:
			table[len(table)-1].said = join(table[len(table)-1].said, strings.TrimPrefix(said, " "))
		default:
			table[len(table)-1].input = join(table[len(table)-1].input, text)
		}
	}
	return table
}

func join(before, line string) string {
	if before == "" {
		return line
	}
	return before + "\n" + line
}

func format(table []entry) string {
	var out strings.Builder
	for _, e := range table {
		out.WriteString(e.comment + e.name + "\n")
		for _, part := range []struct{ prefix, text string }{{"\t", e.input}, {"\t=> ", e.said}} {
			for line := range strings.SplitSeq(part.text, "\n") {
				out.WriteString(strings.TrimRight(part.prefix+line, " ") + "\n")
			}
		}
	}
	return out.String()
}

var (
	repeated = regexp.MustCompile(`<(\d+) ([^>]+)>`)
	anyByte  = regexp.MustCompile(`<byte ([0-9a-f]{2})>`)
)

func expand(input string) string {
	input = repeated.ReplaceAllStringFunc(input, func(found string) string {
		parts := repeated.FindStringSubmatch(found)
		n, _ := strconv.Atoi(parts[1]) // digits
		return strings.Repeat(parts[2], n)
	})
	return anyByte.ReplaceAllStringFunc(input, func(found string) string {
		b, _ := hex.DecodeString(anyByte.FindStringSubmatch(found)[1]) // two digits
		return string(b)
	})
}
