package docs

import (
	"errors"
	"fmt"
	"slices"
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
- A secret may lie in a file: ` + "`DATABASE_URL_FILE`" + ` names the file that holds ` + "`DATABASE_URL`" + `. A file that cannot be read, or is
  empty, is an error.
- An unknown variable that begins with ` + "`SYNC_`, `SERVICETITAN_` or `SLACK_`" + ` is taken for a misspelt one and refused. The variables
  that Kubernetes sets for each service of a namespace are ignored.
- Blanks, line breaks, a byte order mark and one pair of quotes around a value are taken away, in variables, in files that hold
  a value, and in the tenants file. A variable that is empty then counts as not set.
- A duration is a number with a unit: ` + "`90s`, `30m`, `24h`" + `. Runs and pauses take from ` + "`1s` to `720h`" + `.
- Special characters of a password in a URL are percent-encoded: ` + "`#` as `%23`, `/` as `%2F`, `@` as `%40`" + `. The parameters of
  ` + "`DATABASE_URL`" + ` that lazisync sets itself (time zone, encoding, size of the pool) are refused.
- ` + "`SYNC_TIMEZONE`" + ` is a name of the IANA time zone database. ` + "`Local`" + ` is refused: it is another zone on each machine.
- A schedule that a change of the clocks skips or runs twice is shown by ` + "`lazisync config`, `lazisync migrate` and `lazisync doctor`" + `
  two years ahead, and logged when the bridge starts. In America/Denver, ` + "`30 2 * * 0`" + ` does not run on 14 March 2027.

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
		if v.File {
			doc += " (may lie in a file)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, code(v.Default), cell(doc), strings.Join(neededBy(v.Name), ", "))
	}
	b.WriteString(tenantsIntro)
	for _, v := range app.Variables {
		if v.Field == "" {
			continue
		}
		name := code(v.Field)
		if v.Secret {
			name += " or " + code(v.Field+"File")
		}
		fallback := code(v.Name)
		if slices.Contains(app.PerTenant, v.Name) {
			fallback = ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, cell(v.Doc), fallback)
	}
	return b.String()
}

const tenantsIntro = `
## Several tenants

` + "`SERVICETITAN_TENANTS_FILE`" + ` names a JSON file that takes the place of ` + "`SERVICETITAN_TENANT_ID`, `SERVICETITAN_CLIENT_ID` and `SERVICETITAN_CLIENT_SECRET`" + `:

` + "```json" + `
{"tenants": [
  {"id": 1039746210, "clientId": "cid.…", "clientSecretFile": "/run/secrets/first", "channel": "#sync-first"},
  {"id": 1039746211, "clientId": "cid.…", "clientSecretFile": "/run/secrets/second",
   "requestsPerSecond": 20, "entities": ["customers", "jobs"], "scheduleFull": "off", "timezone": "America/Denver"}
]}
` + "```" + `

A field takes what its variable takes; several values may also be a list. What a tenant leaves out is as the variable in the last
column says, set or by default. A secret may lie in a file, named from the folder of the tenants file. An unknown or repeated field is
an error. So is a file with secrets in it that everybody can open: close it to others (` + "`chmod o=`" + `) or put the secrets into files of
their own. Each role needs of a tenant what it needs of the variables, and may be given a file without the rest.

| field | what it is | where it is left out |
|---|---|---|
`

// neededBy lists the roles that do not start without a variable.
func neededBy(variable string) (roles []string) {
	for _, role := range []app.Role{app.ServeRole, app.BridgeRole, app.WorkerRole, app.GatewayRole, app.MigrateRole, app.StatusRole, app.ScheduleRole} {
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
What can be synced; ` + "`lazisync entities` prints the names and scopes, `lazisync entities --json`" + ` also how each is asked for. The app needs
the scope in ServiceTitan. What every table has beside the typed columns, and how to query it, stands in [data.md](data.md).

A full sync reads the export feed where there is one, else the list. What an incremental sees differs:

- *feed*: whatever the export feed brings since its last token;
- *changes*: what was modified since the last time;
- *additions*: what was made since; edits wait for the next full sync;
- *whole list*: everything, each time, because the list has no usable filter.

A deleted record is known by the feed, where an inactive one or one of that status is gone. Without a feed it is known because a
complete full sync did not find it: where the list can be asked by ids, it is *looked up* and not there; else it is *missed
twice*, by two complete full syncs in a row. Elsewhere an inactive record is only deactivated, and its row stays live.

| entity | incremental sees | gone is | scope |
|---|---|---|---|
`

// entities describes the catalogue.
func entities() string {
	var b strings.Builder
	b.WriteString(generatedNote + "# Entities\n" + entitiesIntro)
	for _, e := range entity.Catalogue {
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", e.Name, e.Tracks(), e.Gone(), e.Scope)
	}
	b.WriteString("\n## Typed columns\n\nAn entity's table is `raw.st_` and its name. In brackets: where the value comes from, if its name does not say.\n")
	for _, e := range entity.Catalogue {
		fmt.Fprintf(&b, "\n**%s**, `st_id` %s%s:\n%s.\n", e.Name, keyType(e), keyFields(e), typedColumns(e))
	}
	b.WriteString("\n## Not synced\n\n| what the API has | why not | instead |\n|---|---|---|\n")
	for _, x := range entity.Excluded {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", x.Name, cell(x.Reason), code(x.Instead))
	}
	return b.String()
}

func keyType(e entity.Entity) string {
	if e.Key == entity.TextID {
		return "text"
	}
	return "bigint"
}

func keyFields(e entity.Entity) string {
	if len(e.KeyFields) == 0 {
		return ""
	}
	return " made of `" + strings.Join(e.KeyFields, "`/`") + "`"
}

func typedColumns(e entity.Entity) string {
	var list []string
	for _, c := range e.Columns {
		text := fmt.Sprintf("`%s` %s", c.Name, c.Type)
		if c.Path != c.Name && c.Path != camelCase(c.Name) {
			text += " (`" + c.Path + "`)"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// camelCase is how ServiceTitan would write a column's name.
func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}

// cell keeps a text within its cell of a table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(text) }
