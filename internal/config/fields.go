package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// minFieldsKey is the minimum length of the key of hashes, in bytes: as long as a hash.
const minFieldsKey = 32

const wantFields = "drop, hash or keep for fields of entities, separated by semicolons, such as employees.hourlyRate=drop;customers.address.street=hash"

// fieldPolicy parses rules. The error names each rule at fault.
func fieldPolicy(c *Config, text string) error {
	var rules []entity.FieldRule
	var problems []string
	paths := map[string]bool{}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		rule, err := fieldRule(part)
		key := strings.ToLower(rule.Entity + "." + rule.Path)
		if err == nil && paths[key] {
			err = errors.New("a second rule for the field, want one")
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%q: %v", part, err))
			continue
		}
		paths[key] = true
		rules = append(rules, rule)
	}
	policy := entity.NewFieldPolicy(rules)
	for _, e := range entity.Catalogue {
		for _, column := range policy.HashedColumns(e) {
			problems = append(problems, fmt.Sprintf("%s.%s=hash: column %s of the field is %s and cannot hold a hash, want drop or keep", e.Name, column.Path, column.Name, column.Type))
		}
	}
	if len(rules) == 0 && len(problems) == 0 {
		problems = append(problems, "there is no rule")
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s; %s", wantFields, strings.Join(problems, "; "))
	}
	c.Sync.Fields = policy
	return nil
}

// fieldRule parses one rule.
func fieldRule(text string) (r entity.FieldRule, err error) {
	field, action, ok := strings.Cut(text, "=")
	name, path, hasPath := strings.Cut(strings.TrimSpace(field), ".")
	if !ok || !hasPath {
		return r, errors.New("want entity.field=drop, with dots between the levels of the field")
	}
	r = entity.FieldRule{Entity: name, Path: path, Action: entity.FieldAction(strings.TrimSpace(action))}
	e, known := entity.Find(name)
	if !known {
		near, found := events.Nearest(name, entity.Names())
		if found {
			return r, fmt.Errorf("unknown entity %q (did you mean %q?)", name, near)
		}
		return r, fmt.Errorf("unknown entity %q, want one that lazisync entities lists", name)
	}
	return r, r.Check(e)
}

// fieldsKey parses the key of hashes.
func fieldsKey(c *Config, text string) error {
	if len(text) < minFieldsKey || strings.ContainsAny(text, " \t\n") {
		return fmt.Errorf("at least %d characters without blanks, such as the output of openssl rand -hex 32", minFieldsKey)
	}
	c.Sync.FieldsKey = Secret(text)
	return nil
}

// fieldsProblems returns the problem of a missing key, unless a problem of that variable was found before.
func (c *Config) fieldsProblems(found Problems) Problems {
	missing := c.MissingFieldsKey()
	if missing == "" || slices.ContainsFunc(found, func(p string) bool { return strings.HasPrefix(p, "SYNC_FIELDS_KEY") }) {
		return nil
	}
	return Problems{missing}
}

// MissingFieldsKey returns the problem that SYNC_FIELDS hashes fields and SYNC_FIELDS_KEY is not set, "" otherwise.
// Only commands that read records from ServiceTitan need the key: worker and serve.
func (c *Config) MissingFieldsKey() string {
	if !c.Sync.Fields.Hashes("") || c.Sync.FieldsKey != "" {
		return ""
	}
	var hashed []string
	for _, r := range c.Sync.Fields.Rules() {
		if r.Action == entity.HashField {
			hashed = append(hashed, r.Entity+"."+r.Path)
		}
	}
	return fmt.Sprintf("SYNC_FIELDS_KEY: not set, want a key of at least %d characters, because SYNC_FIELDS hashes %s", minFieldsKey, strings.Join(hashed, ", "))
}
