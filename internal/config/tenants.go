package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// tenantsFileVariable is the variable with the path of the tenants file.
const tenantsFileVariable = "SERVICETITAN_TENANTS_FILE"

// TenantOnlyVariables are the variables that are not allowed with a tenants file, because they
// apply to a single tenant.
var TenantOnlyVariables = []string{"SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET"}

// TenantIDs lists the configured tenants.
func (c *Config) TenantIDs() []events.TenantID {
	ids := make([]events.TenantID, len(c.Tenants))
	for i, t := range c.Tenants {
		ids[i] = t.ID
	}
	return ids
}

// MinIntervals returns the minimum interval between incremental passes, by tenant.
func (c *Config) MinIntervals() map[events.TenantID]time.Duration {
	all := map[events.TenantID]time.Duration{}
	for _, t := range c.Tenants {
		all[t.ID] = t.MinInterval
	}
	return all
}

// loadTenants reads the tenants file. Fields that a tenant does not set have the values of the
// variables. All problems of the file are returned together.
func (c *Config) loadTenants(env map[string]string, required []string) Problems {
	path := absolute(env[tenantsFileVariable])
	r := &tenantsReader{path: path, env: c, required: required}
	for _, name := range TenantOnlyVariables {
		if env[name] != "" || env[name+"_FILE"] != "" {
			r.problems = append(r.problems, fmt.Sprintf("%s and %s are both set, want only one", tenantsFileVariable, name))
		}
	}
	content, err := ReadFile(path)
	if err != nil {
		if c.ServiceTitan.TenantsFile != "" { // else it is reported already
			r.problem("", "%s; want a JSON file with tenants", err)
		}
		return r.problems
	}
	r.file(content)
	if info, err := os.Stat(path); err == nil && r.inline && info.Mode().Perm()&othersMay != 0 {
		r.problem("", "has mode %#o and holds secrets: got a file that every user of this machine can open, want it closed to others (chmod o= %s), or the secrets in files of their own, as clientSecretFile",
			info.Mode().Perm(), path)
	}
	c.Tenants = r.tenants
	return r.problems
}

// othersMay are the permissions of users who are neither owner nor in the group.
const othersMay fs.FileMode = 0o007

// tenantsReader reads a tenants file.
type tenantsReader struct {
	path     string
	env      *Config // the tenant of the variables
	required []string
	tenants  []Tenant
	inline   bool // the file contains a secret
	problems Problems
}

// problem adds a problem of the file; where is a tenant and field, or "".
func (r *tenantsReader) problem(where, format string, args ...any) {
	if where != "" {
		where += ": "
	}
	r.problems = append(r.problems, fmt.Sprintf("%s %s: %s%s", tenantsFileVariable, r.path, where, fmt.Sprintf(format, args...)))
}

// file reads {"tenants": [{…}, …]}.
func (r *tenantsReader) file(content []byte) {
	members, err := objectMembers(content)
	if err != nil {
		r.problem("", "%v; want {\"tenants\": [{\"id\": …}, …]}", err)
		return
	}
	var list []json.RawMessage
	for _, m := range members {
		if m.name != "tenants" {
			r.problem(m.name, "unknown key; want tenants only")
		} else if json.Unmarshal(m.value, &list) != nil {
			r.problem(m.name, "got %s, want an array of tenants", display.JSONType(m.value))
			return
		}
	}
	if len(list) == 0 {
		r.problem("tenants", "got none, want at least one")
	}
	for i, raw := range list {
		r.tenant(i, raw)
	}
}

// tenant reads a tenant of the list.
func (r *tenantsReader) tenant(i int, raw json.RawMessage) {
	where := fmt.Sprintf("tenants[%d]", i)
	members, err := objectMembers(raw)
	if err != nil {
		r.problem(where, "%v; want an object with id, clientId and other fields", err)
		return
	}
	given := map[string]json.RawMessage{}
	for _, m := range members {
		given[m.name] = m.value
	}
	t := r.env.Defaults // fields that are absent have the value of their variable, except those of TenantOnlyVariables
	t.ID, t.ClientID, t.ClientSecret = "", "", ""
	t.values = map[string]Value{}
	for _, v := range Variables { // the id comes first
		if v.Field == "" {
			continue
		}
		r.field(&t, v, where, given)
		if v.Field == "id" && t.ID != "" {
			where = "tenant " + string(t.ID)
			if slices.ContainsFunc(r.tenants, func(other Tenant) bool { return other.ID == t.ID }) {
				r.problem(fmt.Sprintf("tenants[%d].id", i), "duplicate tenant %s", t.ID)
			}
		}
	}
	for _, m := range members {
		if _, unread := given[m.name]; unread {
			r.unknown(where, m.name)
		}
	}
	for _, problem := range t.cadenceProblems(func(field string) string { return where + ": " + field + ": " }, "the field entities") {
		r.problem("", "%s", problem)
	}
	r.tenants = append(r.tenants, t)
}

func (r *tenantsReader) unknown(where, name string) {
	var known []string
	for _, v := range Variables {
		if v.Field != "" {
			known = append(known, v.Field)
		}
		if v.Field != "" && v.Secret {
			known = append(known, v.Field+fileSuffix)
		}
	}
	if near, ok := events.Nearest(name, known); ok {
		r.problem(where+": "+name, "unknown field; did you mean %s?", near)
		return
	}
	r.problem(where+": "+name, "unknown field; want one of %s", strings.Join(known, ", "))
}

// fileSuffix is the suffix of a field with the path of a secret's file.
const fileSuffix = "File"

// field reads a field of a tenant and removes it from given.
func (r *tenantsReader) field(t *Tenant, v Variable, where string, given map[string]json.RawMessage) {
	raw, inline := given[v.Field]
	named, inFile := given[v.Field+fileSuffix]
	delete(given, v.Field)
	if v.Secret {
		delete(given, v.Field+fileSuffix)
	}
	at, from := where+": "+v.Field, "file "+r.path
	r.inline = r.inline || inline && v.Secret
	var text string
	var err error
	switch {
	case v.Secret && inFile && inline:
		r.problem(at, "%s and %s are both set, want only one", v.Field, v.Field+fileSuffix)
		return
	case v.Secret && inFile:
		var path string
		if path, text, err = r.secretFile(named); err != nil {
			r.problem(at+fileSuffix, "got %s, want a file that contains the value: %s", err, v.Doc)
			return
		}
		from = "file " + path
	case inline:
		if text, err = fieldText(raw, cmp.Or(v.Separator, ",")); err != nil {
			r.problem(at, "got %s, want %s", err, v.Doc)
			return
		}
	default:
		r.fallBack(t, v, at)
		return
	}
	text = clean(text)
	shown := text
	if v.Secret {
		shown = Secret(text).String()
	}
	t.values[v.Field] = Value{shown, from}
	if text == "" {
		r.problem(at, "got an empty string, want %s", v.Doc)
		return
	}
	if err = checkText(text); err == nil {
		scratch := Config{Defaults: *t}
		err = v.set(&scratch, text)
		*t = scratch.Defaults
	}
	if err != nil {
		r.problem(at, "got %q, want %s", shown, err)
	}
}

// fallBack records that a field has the value of its variable, if the variable may be used.
func (r *tenantsReader) fallBack(t *Tenant, v Variable, at string) {
	own := slices.Contains(TenantOnlyVariables, v.Name)
	if !own {
		t.values[v.Field] = r.env.Value(v.Name)
	}
	switch needed := v.Field == "id" || slices.Contains(r.required, v.Name); {
	case !needed || t.values[v.Field].Text != "":
	case own:
		r.problem(at, "not given, want %s", v.Doc)
	default:
		r.problem(at, "not given, and %s is not set: want %s", v.Name, v.Doc)
	}
}

// secretFile reads a secret from a file, whose path is relative to the folder of the tenants file.
func (r *tenantsReader) secretFile(named json.RawMessage) (path, secret string, err error) {
	if json.Unmarshal(named, &path) != nil {
		return "", "", fmt.Errorf("%s", display.JSONType(named))
	}
	if path = clean(path); path == "" {
		return "", "", errors.New("an empty string")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.path), path)
	}
	secret, err = readValue(path)
	if err != nil {
		return path, "", fmt.Errorf("%q, %w", path, err)
	}
	return path, secret, nil
}
