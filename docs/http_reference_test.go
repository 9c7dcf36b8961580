package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lazi/lazisync/schemas"
)

const httpIntro = `
The gateway serves HTTP at ` + "`HTTP_ADDR`" + `. This page is generated from [openapi.json](../schemas/openapi.json), which the gateway serves at
` + "`/openapi.json`" + `.

- **Access.** If ` + "`API_TOKENS`" + ` is set, send ` + "`Authorization: Bearer TOKEN`" + `. The role column says which [role](operations.md#security) a token needs. Without
  tokens, the gateway accepts only clients on its own machine.
- **Errors** are problem documents (RFC 9457, ` + "`application/problem+json`" + `) with ` + "`type`, `title`, `status`, `detail`" + ` and, for invalid input, ` + "`errors[]`" + `
  (` + "`path`, `got`, `want`" + `). [Problems](#problems) lists them.
- **Lists** take ` + "`limit`" + ` and filters. If there may be more, the answer has ` + "`nextBefore`" + `: pass it as ` + "`before`" + ` for the next page.
- **Unknown** query parameters and fields of a body are refused. Answers may gain fields and values in later versions: ignore what you do not know.
- **Retries.** Send ` + "`Idempotency-Key`" + ` with a command: repeating it has no further effect. A 503 has ` + "`Retry-After`" + `.
- **Outcome.** ` + "`POST /sync/full?wait=30s`" + ` answers when the run has ended. Otherwise follow ` + "`Location`" + ` of the answer, or ` + "`/api/events`" + `.
- ` + "`/api/sync/…` and `/sync/…`" + ` are the same for commands. In the examples, ` + "`$GATEWAY`" + ` is the address of the gateway and ` + "`$TOKEN`" + ` a token.
`

// httpReference returns http.md: every operation of openapi.json.
func httpReference() string {
	var api openAPI
	if err := json.Unmarshal(schemas.OpenAPI, &api); err != nil {
		panic(err) // it is embedded
	}
	var b strings.Builder
	b.WriteString(generatedNote + "# HTTP\n" + httpIntro)
	for _, tag := range api.Tags {
		fmt.Fprintf(&b, "\n## %s\n\n| method and path | role | |\n|---|---|---|\n", tag.Description)
		for _, o := range api.operations(tag.Name) {
			fmt.Fprintf(&b, "| [`%s %s`](#%s) | %s | %s |\n", o.method, o.path, anchor(o.method+" "+o.path), o.role(), cell(o.Summary))
		}
		for _, o := range api.operations(tag.Name) {
			api.writeOperation(&b, o)
		}
	}
	api.writeProblems(&b)
	api.writeSchemas(&b)
	return b.String()
}

// operation is a method of a path. It includes the same command below /api.
type operation struct {
	httpOperation
	method, path string
}

// operations lists the operations of a tag, by path. It omits /api/sync/… where /sync/… is the same.
func (a openAPI) operations(tag string) (list []operation) {
	for _, path := range slices.Sorted(maps.Keys(a.Paths)) {
		short, isAPI := strings.CutPrefix(path, "/api")
		for _, method := range slices.Sorted(maps.Keys(a.Paths[path])) {
			o := a.Paths[path][method]
			if _, same := a.Paths[short][method]; o.Tags[0] == tag && !(isAPI && same) {
				list = append(list, operation{o, strings.ToUpper(method), path})
			}
		}
	}
	return list
}

// role returns the role of a token that the operation needs.
func (o operation) role() string {
	for _, s := range o.Security {
		if _, ok := s["bearer"]; !ok {
			continue
		}
		if strings.HasSuffix(o.Responses["403"].Ref, "/OperatorOnly") {
			return "operator"
		}
		return "viewer"
	}
	return "none"
}

func (a openAPI) writeOperation(b *strings.Builder, o operation) {
	fmt.Fprintf(b, "\n### %s %s\n\n%s.", o.method, o.path, strings.TrimSuffix(o.Summary, "."))
	if o.Description != "" {
		b.WriteString(" " + o.Description)
	}
	b.WriteString("\n")
	var parameters []httpParameter
	for _, p := range o.Parameters {
		if p.Ref != "" {
			p = a.Components.Parameters[last(p.Ref)]
		}
		parameters = append(parameters, p)
	}
	if len(parameters) > 0 {
		b.WriteString("\n| parameter | in | values | |\n|---|---|---|---|\n")
		for _, p := range parameters {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Name, p.In, p.Schema.values(), cell(p.Description))
		}
	}
	body := o.example(o.RequestBody.Content)
	b.WriteString("\n```sh\n" + o.curl(parameters, body) + "\n```\n")
	b.WriteString("\n| status | answer |\n|---|---|\n")
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[status]
		text := cell(r.Description)
		if r.Ref != "" {
			name := last(r.Ref)
			text = fmt.Sprintf("[%s](#problems): %s", name, cell(a.Components.Responses[name].Description))
		} else if ref := schemaRef(r.Content); ref != "" {
			text += fmt.Sprintf(" [%s](#%s)", ref, anchor(ref))
		}
		fmt.Fprintf(b, "| %s | %s |\n", status, text)
	}
	for _, status := range []string{"200", "202"} {
		if example := o.example(o.Responses[status].Content); example != nil {
			fmt.Fprintf(b, "\n%s:\n\n```json\n%s\n```\n", status, example)
		}
	}
}

// curl returns a command line that calls the operation.
func (o operation) curl(parameters []httpParameter, body []byte) string {
	path := o.path
	for _, p := range parameters {
		if p.In == "path" {
			path = strings.Replace(path, "{"+p.Name+"}", "$"+strings.ToUpper(p.Name), 1)
		}
	}
	command := "curl"
	if path == "/api/events" {
		command += " --no-buffer"
	}
	if o.method != "GET" && (o.method != "POST" || body == nil) {
		command += " -X " + o.method
	}
	command += ` "$GATEWAY` + path + `"`
	if o.role() != "none" {
		command += ` -H "Authorization: Bearer $TOKEN"`
	}
	if strings.HasPrefix(path, "/webhooks") {
		command += ` -H "X-ServiceTitan-Signature: $SIGNATURE"`
	}
	if body != nil {
		var line bytes.Buffer
		if err := json.Compact(&line, body); err != nil {
			panic(err) // it is part of a JSON document
		}
		command += ` --json '` + line.String() + `'`
	}
	return command
}

// example returns the first example of a JSON content, nil if it has none.
func (operation) example(content map[string]httpContent) []byte {
	c, ok := content["application/json"]
	if !ok || len(c.Examples) == 0 {
		return nil
	}
	var largest json.RawMessage
	for _, name := range slices.Sorted(maps.Keys(c.Examples)) {
		if value := c.Examples[name].Value; len(value) > len(largest) {
			largest = value
		}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, largest, "", "  "); err != nil {
		panic(err) // it is part of a JSON document
	}
	return indented.Bytes()
}

func (a openAPI) writeProblems(b *strings.Builder) {
	b.WriteString("\n## Problems\n\nThe `type` of a problem is `urn:lazisync:problem:` and its code.\n\n| problem | code | status | when | example of `detail` |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(a.Components.Responses)) {
		r := a.Components.Responses[name]
		var p struct {
			Type, Detail string
			Status       int
		}
		if err := json.Unmarshal(r.Content["application/problem+json"].Example, &p); err != nil {
			panic(err) // it is embedded, and a test compares it with the gateway
		}
		fmt.Fprintf(b, "| %s | `%s` | %d | %s | %s |\n", name, p.Type[strings.LastIndex(p.Type, ":")+1:], p.Status, cell(r.Description), cell(p.Detail))
	}
}

func (a openAPI) writeSchemas(b *strings.Builder) {
	b.WriteString("\n## Objects\n")
	for _, name := range slices.Sorted(maps.Keys(a.Components.Schemas)) {
		s := a.Components.Schemas[name]
		fmt.Fprintf(b, "\n### %s\n\n", name)
		if s.Description != "" {
			b.WriteString(s.Description + "\n\n")
		}
		b.WriteString("| field | type | |\n|---|---|---|\n")
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[field]
			text := cell(p.Description)
			if !slices.Contains(s.Required, field) {
				text = strings.TrimSpace(text + " Optional.")
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", field, p.values(), text)
		}
	}
}

// anchor returns the anchor of a heading, as GitHub makes it.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}
