package docs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/schemas"
)

// A command below /api/sync is described where it is without /api.
func TestHTTPReferenceHasEveryOperation(t *testing.T) {
	t.Parallel()
	var api openAPI
	require.NoError(t, json.Unmarshal(schemas.OpenAPI, &api))
	text := httpReference()
	for path, methods := range api.Paths {
		for method, o := range methods {
			if _, same := api.Paths[strings.TrimPrefix(path, "/api")][method]; same {
				path = strings.TrimPrefix(path, "/api")
			}
			heading := "\n### " + strings.ToUpper(method) + " " + path + "\n"
			_, section, found := strings.Cut(text, heading)
			require.True(t, found, heading)
			section, _, _ = strings.Cut(section, "\n### ")
			require.Contains(t, section, "```sh\ncurl ")
			for status := range o.Responses {
				require.Contains(t, section, "| "+status+" | ", heading)
			}
			require.Contains(t, text, "](#"+anchor(strings.TrimSpace(strings.TrimPrefix(heading, "\n###")))+")")
		}
	}
}
