package gateway

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
)

//go:embed page/page.html
var pageHTML []byte

//go:embed page/page.css
var pageCSS []byte

//go:embed page/page.js
var pageJS []byte

// page is the dashboard: one document that loads nothing else.
type page struct {
	body   []byte
	policy string
}

// newPage puts style and script into the document, and their digests into the
// policy, so that a browser runs them and nothing else.
func newPage() page {
	body := bytes.Replace(pageHTML, []byte("/* page.css */"), pageCSS, 1)
	body = bytes.Replace(body, []byte("/* page.js */"), pageJS, 1)
	return page{
		body: body,
		policy: "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
			"style-src " + digest(pageCSS) + "; script-src " + digest(pageJS),
	}
}

func digest(source []byte) string {
	sum := sha256.Sum256(source)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (g *Gateway) showPage(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", g.page.policy)
	_, _ = w.Write(g.page.body) // the reader has gone if this fails
	return nil
}
