package gateway

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"net/http"
	"slices"
	"strings"
)

//go:embed page/page.html
var pageHTML []byte

//go:embed page/page.css
var pageCSS []byte

//go:embed page/show.js
var showJS []byte

//go:embed page/page.js
var pageJS []byte

// page is the dashboard: one document that loads no other.
type page struct {
	body   string
	policy string
}

// newPage inserts style and script into the document, and their digests into its content
// security policy.
func newPage() page {
	body := bytes.Replace(pageHTML, []byte("/* page.css */"), pageCSS, 1)
	script := slices.Concat(showJS, pageJS)
	body = bytes.Replace(body, []byte("/* page.js */"), script, 1)
	return page{
		body: string(body),
		policy: "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
			"style-src " + digest(pageCSS) + "; script-src " + digest(script),
	}
}

func digest(source []byte) string {
	sum := sha256.Sum256(source)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// showPage serves the page with the name of the client, so that its script does not have to
// send a request that may be rejected.
func (g *Gateway) showPage(w http.ResponseWriter, r *http.Request) error {
	access, name := "closed", ""
	if who, known := g.client(r); known {
		access, name = "signed-in", who.Name
	} else if len(g.Tokens) == 0 {
		access = "open"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", g.page.policy)
	_, _ = strings.NewReplacer("{{access}}", access, "{{client}}", html.EscapeString(name)).WriteString(w, g.page.body) // fails only if the client has disconnected
	return nil
}
