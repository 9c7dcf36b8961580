package docs

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/schemas"
)

const modesIntro = `
A request for a sync names its ` + "`mode`" + `: ` + "`lazisync request MODE`, `POST /sync/MODE`, or `mode` in [sync.requested](events.md#commands)" + `.

| mode | a sync of this mode | entities of a request | workflow | workflow ID | ` + "`notify`" + ` if absent | ` + "`allowDeletes`" + ` |
|---|---|---|---|---|---|---|
`

// modes returns the table of modes as a document.
func modes() string {
	var b strings.Builder
	b.WriteString(generatedNote + "# Modes\n" + modesIntro)
	for _, m := range events.Modes() {
		entities, id, notify, deletes := "any", "<requestId>", "failures", "no effect"
		if m.OneEntity {
			entities = "exactly one"
		}
		if m.PerTenant {
			id = "<tenantId>"
		}
		if m.NotifyByDefault {
			notify = "every outcome"
		}
		if m.ReadOnly {
			notify += " and differences"
		}
		if m.ReadsAll && !m.ReadOnly {
			deletes = "overrides the delete guard"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | `%s%s` | %s | %s |\n", m.Mode, m.Description, entities, m.Workflow, m.WorkflowIDPrefix, id, notify, deletes)
	}
	return b.String()
}

// modeList matches the list of modes in a JSON Schema, closed or open.
var modeList = regexp.MustCompile(`("mode": \{\n\s*"type": "string",\n(?:\s*"minLength": 1,\n)?(\s*)"(?:enum|examples)": )\[([^\]]*)\]`)

// schemasWithModes returns the JSON Schemas and the OpenAPI document with the list of all
// modes where they list modes. A list without rebuild is that of the modes that have a
// schedule, and stays.
func schemasWithModes() map[string]string {
	files := map[string]string{"schemas/openapi.json": withModes(string(schemas.OpenAPI))}
	names, _ := fs.Glob(schemas.Files, "*.json") // the pattern is well-formed
	for _, name := range names {
		text, err := schemas.Files.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		files["schemas/"+name] = withModes(string(text))
	}
	return files
}

func withModes(document string) string {
	return modeList.ReplaceAllStringFunc(document, func(found string) string {
		parts := modeList.FindStringSubmatch(found)
		if !strings.Contains(parts[3], string(events.Rebuild)) {
			return found
		}
		list, err := json.MarshalIndent(events.ModeNames(), parts[2], "  ")
		if err != nil {
			panic(err) // texts can be encoded
		}
		return parts[1] + string(list)
	})
}
