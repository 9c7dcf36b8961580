package docs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/entity"
)

// Generated are the documents made from the code, by their path from the root of the
// repository.
func Generated() map[string]string {
	return map[string]string{
		"docs/configuration.md": configuration(),
		"docs/entities.md":      entities(),
	}
}

const generatedNote = "<!-- Made by `go generate ./docs`. Edit the code it is made from, not this file. -->\n"

const configurationIntro = `
lazisync is configured by its environment alone. ` + "`lazisync config`" + ` prints the value that took effect for
each variable and where it came from; secrets show as ` + "`***`" + `.

- Every problem is reported at once, and the exit code is 2.
- A secret may lie in a file: ` + "`DATABASE_URL_FILE`" + ` names the file that holds ` + "`DATABASE_URL`" + `.
- An unknown variable that begins with ` + "`SYNC_`, `SERVICETITAN_` or `SLACK_`" + ` is taken for a misspelt one and refused.
- An empty variable counts as not set.

| variable | default | what it is | needed by |
|---|---|---|---|
`

// configuration is the table of variables.
func configuration() string {
	var b strings.Builder
	b.WriteString(generatedNote + "# Configuration\n" + configurationIntro)
	for _, v := range app.Variables {
		doc := v.Doc
		if v.Secret {
			doc += " (secret)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, code(v.Default), cell(doc), strings.Join(neededBy(v.Name), ", "))
	}
	return b.String()
}

// neededBy lists the roles that do not start without a variable.
func neededBy(variable string) (roles []string) {
	for _, role := range []app.Role{app.ServeRole, app.BridgeRole, app.WorkerRole, app.GatewayRole, app.MigrateRole, app.StatusRole} {
		_, err := app.Load(nil, role)
		var problems app.Problems
		errors.As(err, &problems)
		for _, problem := range problems {
			if strings.HasPrefix(problem, variable+": not set") {
				roles = append(roles, role.Name)
			}
		}
	}
	return roles
}

const entitiesIntro = `
What can be synced. ` + "`lazisync entities`" + ` prints the same list. A full sync reads the export feed, which alone
shows deleted records; the app needs the scope in ServiceTitan. What every table has beside the typed columns,
and how to query it, stands in [data.md](data.md).
`

// entities describes the catalogue.
func entities() string {
	var b strings.Builder
	b.WriteString(generatedNote + "# Entities\n" + entitiesIntro)
	for _, e := range entity.Catalogue {
		fmt.Fprintf(&b, "\n## %s\n\n", e.Name)
		fmt.Fprintf(&b, "- table `raw.%s`, key `st_id %s`\n", e.Table(), keyType(e))
		if e.Export != "" {
			fmt.Fprintf(&b, "- export feed `%s`: `active: false` means %s\n", e.Export, inactive(e))
		}
		if e.List != "" {
			fmt.Fprintf(&b, "- list `%s`\n", e.List)
		}
		fmt.Fprintf(&b, "- scope `%s`\n\n| column | type | from |\n|---|---|---|\n", e.Scope)
		for _, c := range e.Columns {
			fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", c.Name, c.Type, c.Path)
		}
	}
	return b.String()
}

func keyType(e entity.Entity) string {
	if e.Key == entity.TextID {
		return "text"
	}
	return "bigint"
}

func inactive(e entity.Entity) string {
	if e.Inactive == entity.Deleted {
		return "the record is gone, and sets `deleted_at`"
	}
	return "deactivated, and the row stays live"
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}

// cell keeps a text within its cell of a table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(text) }
