package simulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// TestExchanges compares the simulator with requests and responses written by hand from the
// published facts about the API.
func TestExchanges(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/exchanges/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		for _, c := range readConversations(t, file) {
			t.Run(filepath.Base(file)+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				none := map[string]int{} // these compare only the form
				for _, entity := range simulator.Entities() {
					none[entity] = 0
				}
				c.hold(t, start(t, simulator.Options{Records: none}))
			})
		}
	}
}

type exchange struct {
	name               string
	method, path, body string
	headers            [][2]string
	status             int
	response           string
}

// readConversations reads "# name", "> request" and "< response" lines; the text before the first
// name describes the file.
func readConversations(t *testing.T, file string) []*exchange {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []*exchange
	for line := range strings.Lines(string(text)) {
		sign, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sign == "#" {
			all = append(all, &exchange{name: rest})
		}
		if len(all) == 0 || sign == "" || sign == "#" {
			continue
		}
		c := all[len(all)-1]
		switch {
		case sign == ">":
			c.ask(rest)
		case sign == "<" && c.status == 0:
			c.status, err = strconv.Atoi(rest)
			require.NoError(t, err, "%s: %s", file, line)
		case sign == "<":
			c.response = rest
		default:
			t.Fatalf("%s: %q is neither #, > nor <", file, line)
		}
	}
	return all
}

func (c *exchange) ask(line string) {
	first, rest, _ := strings.Cut(line, " ")
	switch {
	case c.method == "":
		c.method, c.path = first, rest
	case first == "body":
		c.body = rest
	default:
		c.headers = append(c.headers, [2]string{strings.TrimSuffix(first, ":"), rest})
	}
}

func (c *exchange) hold(t *testing.T, a *api) {
	fill := strings.NewReplacer("{token}", a.token, "{client}", simulator.DefaultClientID, "{secret}", simulator.DefaultClientSecret)
	request := a.request(t, c.path)
	request.Method = c.method
	request.Body = io.NopCloser(strings.NewReader(fill.Replace(c.body)))
	for _, h := range c.headers {
		request.Header.Set(h[0], fill.Replace(h[1]))
		if h[1] == "" {
			request.Header.Del(h[0])
		}
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	require.Equal(t, c.status, response.StatusCode, "%s", body)
	require.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
	var got, want any
	require.NoError(t, json.Unmarshal(body, &got), "%s", body)
	require.NoError(t, json.Unmarshal([]byte(c.response), &want))
	require.Empty(t, differences("", got, want), "answered %s", body)
}

// differences compares JSON: "*" matches any value except null and "", a key "..." any further
// keys.
func differences(at string, got, want any) []string {
	if want == "*" {
		if got == nil || got == "" {
			return []string{fmt.Sprintf("%s is %v, want a value", at, got)}
		}
		return nil
	}
	wanted, ok := want.(map[string]any)
	fields, isObject := got.(map[string]any)
	if !ok || !isObject {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w && !wildcardList(got, want) {
			return []string{fmt.Sprintf("%s is %s, want %s", at, g, w)}
		}
		return nil
	}
	var out []string
	_, more := wanted["..."]
	for name, value := range wanted {
		if field, there := fields[name]; there {
			out = append(out, differences(at+"."+name, field, value)...)
		} else if name != "..." {
			out = append(out, at+"."+name+" is missing")
		}
	}
	for name := range fields {
		if _, expected := wanted[name]; !expected && !more {
			out = append(out, at+"."+name+" is too much")
		}
	}
	slices.Sort(out)
	return out
}

// wildcardList reports whether want is a list of "*" as long as got.
func wildcardList(got, want any) bool {
	g, ok := got.([]any)
	w, wok := want.([]any)
	return ok && wok && len(g) == len(w) && !slices.ContainsFunc(w, func(v any) bool { return v != "*" })
}
