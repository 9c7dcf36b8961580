package gateway

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/lazi/lazisync/events"
)

//go:embed page/page.html
var pageHTML []byte

//go:embed page/page.css
var pageCSS []byte

// pageScripts are the parts of the page's module, in pageModule order.
//
//go:embed page/*.js
var pageScripts embed.FS

// pageModule lists the parts of the page's module. Each uses only what the parts before it declare,
// or does so in functions that main.js calls.
var pageModule = []string{"dom", "texts", "api", "actions", "overview", "runs", "lists", "calls", "start", "main"}

// page is the web page: one document that loads no other.
type page struct {
	body   string
	policy string
}

// newPage inserts style, script, modes and entities into the document, and the digests of style and
// script into its content security policy.
func newPage(entities []string) page {
	var script strings.Builder
	for _, name := range pageModule {
		part, err := pageScripts.ReadFile("page/" + name + ".js")
		if err != nil {
			panic(err) // it is embedded
		}
		script.Write(part)
	}
	return page{
		body: strings.NewReplacer(
			"/* page.css */", string(pageCSS), "/* page.js */", script.String(), "{{modes}}", modesHTML(), "{{entities}}", entitiesHTML(entities),
		).Replace(string(pageHTML)),
		policy: "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
			"style-src " + digest(pageCSS) + "; script-src " + digest([]byte(script.String())),
	}
}

// modesHTML returns the modes as elements that start.js reads.
func modesHTML() string {
	var b strings.Builder
	for _, m := range events.Modes() {
		attribute := func(name string, set bool) string {
			if set {
				return " data-" + name + `="true"`
			}
			return ""
		}
		fmt.Fprintf(&b, `<i id="%s" data-title="%s" data-text="%s"%s%s%s></i>`, m.Mode, html.EscapeString(m.Title), html.EscapeString(m.Description),
			attribute("one", m.OneEntity), attribute("all", m.ReadsAll && !m.ReadOnly), attribute("shared", m.PerTenant))
	}
	return b.String()
}

func entitiesHTML(names []string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, `<option value="%s">`, html.EscapeString(name))
	}
	return b.String()
}

func digest(source []byte) string {
	sum := sha256.Sum256(source)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// showPage serves the page with the name and the role of the client, so that its script does not
// have to send a request that may be rejected.
func (g *Gateway) showPage(w http.ResponseWriter, r *http.Request) error {
	access, name, role := "closed", "", ""
	if who, known := g.client(r); known {
		access, name, role = "signed-in", who.Name, string(who.Role)
	} else if len(g.Tokens) == 0 {
		access = "open"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", g.page.policy)
	text := strings.NewReplacer("{{access}}", access, "{{client}}", html.EscapeString(name), "{{role}}", role)
	_, _ = text.WriteString(w, g.page.body) // fails only if the client has disconnected
	return nil
}
