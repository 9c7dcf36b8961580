package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/schemas"
)

// site is a gateway that is checked against openapi.json: it validates and records each response.
type site struct {
	url      string
	paths    map[string]map[string]json.RawMessage // by path and method
	compiler *jsonschema.Compiler
	answered map[string]bool // "post /sync/full 202"
}

func newSite(t *testing.T, url string) *site {
	t.Helper()
	s := &site{url: url, compiler: jsonschema.NewCompiler(), answered: map[string]bool{}}
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(schemas.OpenAPI, &document))
	s.paths = document.Paths
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.OpenAPI))
	require.NoError(t, err)
	s.compiler.AssertFormat()
	require.NoError(t, s.compiler.AddResource("openapi.json", whole))
	return s
}

// call calls an operation, again while a busy server is unavailable, as clients should. arguments
// replace the {…} in its path.
func (s *site) call(t *testing.T, method, path string, arguments []string, body string, headers ...string) answer {
	t.Helper()
	bare, _, _ := strings.Cut(path, "?")
	require.Contains(t, s.paths[bare], strings.ToLower(method), "%s %s is not in openapi.json", method, bare)
	target := path
	for _, a := range arguments {
		before, rest, _ := strings.Cut(target, "{")
		_, after, _ := strings.Cut(rest, "}")
		target = before + url.PathEscape(a) + after
	}
	got := callAvailable(t, method, s.url+target, body, headers...)
	s.check(t, strings.ToLower(method), bare, got)
	return got
}

// check compares a response with its description in openapi.json.
func (s *site) check(t *testing.T, method, path string, got answer) {
	t.Helper()
	status := strconv.Itoa(got.status)
	s.answered[method+" "+path+" "+status] = true
	var operation struct {
		Responses map[string]struct {
			Content map[string]json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(s.paths[path][method], &operation))
	response, described := operation.Responses[status]
	require.True(t, described, "%s %s answers %s, which is not in openapi.json: %s", method, path, status, got.body)
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	place := []string{"paths", path, method, "responses", status, "content", kind, "schema"}
	if got.status >= 400 {
		require.Equal(t, "application/problem+json", kind, got.body)
		place = []string{"components", "schemas", "Problem"}
	} else if _, any := response.Content["application/json"]; !any || strings.HasSuffix(path, "api.json") {
		return
	}
	s.fits(t, got.body, place...)
}

func (s *site) fits(t *testing.T, body string, place ...string) {
	t.Helper()
	pointer := "openapi.json#"
	for _, step := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(step)
	}
	schema, err := s.compiler.Compile(pointer)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err, body)
	require.NoError(t, schema.Validate(value), body)
}

// object decodes a response.
func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &value), a.body)
	return value
}

// following is an open stream of server-sent events.
type following struct{ lines chan string }

func follow(t *testing.T, s *site) *following {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/events", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	s.answered["get /api/events 200"] = true
	f := &following{lines: make(chan string, 10_000)}
	go func() {
		defer close(f.lines)
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			f.lines <- lines.Text()
		}
	}()
	return f
}

// until reads events up to the first one of a request, and returns their names.
func (f *following) until(t *testing.T, subject, requestID string) map[string]bool {
	t.Helper()
	seen, last := map[string]bool{}, ""
	late := time.After(waitLimit)
	for {
		select {
		case line, open := <-f.lines:
			require.True(t, open, "the stream ended")
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				seen[name], last = true, name
			}
			if last == subject && strings.HasPrefix(line, "data: ") && strings.Contains(line, requestID) {
				return seen
			}
		case <-late:
			require.FailNow(t, "no such event", "%s of %s among %v", subject, requestID, seen)
		}
	}
}

// end waits for the end of the stream.
func (f *following) end(t *testing.T) {
	t.Helper()
	late := time.After(waitLimit)
	for {
		select {
		case _, open := <-f.lines:
			if !open {
				return
			}
		case <-late:
			require.FailNow(t, "the stream does not end")
		}
	}
}
