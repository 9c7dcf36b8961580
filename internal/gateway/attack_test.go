package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every path answers wrong methods with 405 and Allow, ignores trailing and duplicate slashes, and
// answers HEAD like GET without a body.
func TestEveryPathAnswersEveryMethod(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.fakeLedger.fail = errDown // no wait for a run ID
	allowed := map[string][]string{}
	for _, r := range s.gateway.routes() {
		path := filled(strings.TrimSuffix(r.path, "{$}"))
		allowed[path] = append(allowed[path], r.method)
	}
	for path, methods := range allowed {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, "PROPFIND"} {
			served := false
			for _, m := range methods {
				served = served || m == method || m == http.MethodGet && method == http.MethodHead
			}
			if served {
				continue
			}
			got := s.send(method, path, "")
			require.Equal(t, http.StatusMethodNotAllowed, got.status, "%s %s", method, path)
			require.Contains(t, got.header.Get("Allow"), methods[0], path)
		}
		if path == "/" || path == "/api/events" || methods[0] != http.MethodGet {
			continue
		}
		plain := s.send(http.MethodGet, path, "")
		for _, variant := range []string{path + "/", "/" + path, strings.ReplaceAll(path, "/", "//")} {
			got := s.send(http.MethodGet, variant, "")
			require.Equal(t, plain.status, got.status, variant)
			require.Equal(t, plain.body, got.body, variant)
		}
		head := s.send(http.MethodHead, path, "")
		require.Equal(t, plain.status, head.status, path)
		require.Equal(t, plain.header.Get("Content-Type"), head.header.Get("Content-Type"), path)
		require.Empty(t, head.body, path)
	}
	require.Empty(t, s.fakeStream.events(), "nothing is requested")
}
