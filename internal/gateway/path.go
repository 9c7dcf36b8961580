package gateway

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

const webhookPath = "/webhooks/servicetitan"

// cleaned takes out of a path what proxies and people put in: doubled slashes and one at the
// end, and for webhooks upper case. The mux would answer with a redirect, which senders of
// webhooks do not follow, and which leads elsewhere below a path prefix.
func cleaned(r *http.Request) *http.Request {
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
