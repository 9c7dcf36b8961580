package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
	// isRepeated is true after an attempt without an answer of Temporal, which may have taken effect.
	isRepeated bool
}

// isAccepted reports whether the action was accepted, by this attempt or by one before it.
func (a answer) isAccepted() bool {
	return a.status == http.StatusAccepted || a.isRepeated && a.status == http.StatusConflict
}

// call makes an HTTP request; headers are pairs of name and value. A body is JSON unless they have
// a content type.
func call(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

// callAvailable is call, repeated while the gateway answers that a server is unavailable: a busy one
// may not answer in time.
func callAvailable(t *testing.T, method, url, body string, headers ...string) (got answer) {
	t.Helper()
	require.Eventually(t, func() bool {
		before := got
		got = call(t, method, url, body, headers...)
		got.isRepeated = before.status == http.StatusServiceUnavailable
		return got.status != http.StatusServiceUnavailable
	}, waitLimit, tick, "%s %s", method, url)
	return got
}
