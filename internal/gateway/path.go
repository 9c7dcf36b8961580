package gateway

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

const webhookPath = "/webhooks/servicetitan"

// normalizePath removes duplicate and trailing slashes from a path, and lowers the case of
// webhook paths. Otherwise the mux would respond with a redirect, which senders of webhooks
// do not follow and which is wrong below a path prefix.
func normalizePath(r *http.Request) *http.Request {
	escaped := path.Clean("/" + r.URL.EscapedPath())
	if n := len(webhookPath); len(escaped) >= n && strings.EqualFold(escaped[:n], webhookPath) {
		escaped = webhookPath + escaped[n:]
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil || escaped == r.URL.EscapedPath() {
		return r
	}
	other := *r
	other.URL = new(url.URL)
	*other.URL = *r.URL
	other.URL.Path, other.URL.RawPath = plain, escaped
	return &other
}
