package ledger

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Mentions finds the ids of records in events, results and texts. It is safe for concurrent use.
type Mentions struct {
	tenant events.TenantID
	ids    map[string]*regexp.Regexp // by entity: one of its ids as a word, in upper or lower case
}

// NewMentions returns the Mentions of records of a tenant, whose ids are given by entity.
func NewMentions(tenant events.TenantID, ids map[string][]string) Mentions {
	m := Mentions{tenant: tenant, ids: map[string]*regexp.Regexp{}}
	for name, list := range ids {
		quoted := make([]string, len(list))
		for i, id := range list {
			quoted[i] = regexp.QuoteMeta(id)
		}
		m.ids[name] = regexp.MustCompile(`(?i)(?:^|[^0-9A-Za-z_-])(?:` + strings.Join(quoted, "|") + `)(?:$|[^0-9A-Za-z_-])`)
	}
	return m
}

// Pattern returns the regular expression of an id of an entity as a word, which PostgreSQL understands, too.
func (m Mentions) Pattern(name string) string { return m.ids[name].String() }

// In reports whether a text about an entity has one of its ids.
func (m Mentions) In(name, text string) bool {
	ids, known := m.ids[name]
	return known && ids.MatchString(text)
}

// namingFields are the fields of commands and events that may have the id of a record. All others have ids of
// events and workflows, which may look alike.
var namingFields = []string{"ids", "sample", "warnings", "message", "reason", "cause", "skippedReason", "got", "want", "path"}

// InMessage reports whether a message names one of the records: a command or event in one of its fields, a dead
// letter anywhere, because it may have any form.
func (m Mentions) InMessage(msg events.Message, isDeadLetter bool) bool {
	for name := range m.ids {
		if !m.ids[name].Match(msg.Data) {
			continue
		}
		var body any
		decoder := json.NewDecoder(strings.NewReader(string(msg.Data)))
		decoder.UseNumber()
		if err := decoder.Decode(&body); err != nil {
			return isDeadLetter
		}
		if m.isIn(name, body, isDeadLetter) {
			return true
		}
	}
	return false
}

// isIn reports whether a JSON value names a record of an entity. counts says whether texts and numbers of the
// value may do so.
func (m Mentions) isIn(name string, value any, counts bool) bool {
	switch v := value.(type) {
	case string:
		return counts && m.In(name, v)
	case json.Number:
		return counts && m.In(name, v.String())
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return m.isIn(name, one, counts) })
	case map[string]any:
		if m.isElsewhere(name, v) {
			return false
		}
		isEnvelope := v["specversion"] != nil
		for key, one := range v {
			if isEnvelope && key != "data" {
				continue // id, source and the like identify the event
			}
			if m.isIn(name, one, counts || slices.Contains(namingFields, key)) {
				return true
			}
		}
	}
	return false
}

// isElsewhere reports whether an object is about another tenant or about other entities. An entity that does not
// exist may be a misspelt one.
func (m Mentions) isElsewhere(name string, object map[string]any) bool {
	if tenant, has := object["tenantId"]; has && textOf(tenant) != string(m.tenant) {
		return true
	}
	if one, has := object["entity"].(string); has {
		return isOther(name, one)
	}
	list, has := object["entities"].([]any)
	return has && len(list) > 0 && !slices.ContainsFunc(list, func(one any) bool { return !isOther(name, textOf(one)) })
}

// isOther reports whether a text is the name of another entity.
func isOther(name, text string) bool {
	_, known := entity.Find(text)
	return known && text != name
}

func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Redacted replaces a text that names an erased record.
const Redacted = "removed, because it named an erased record"

// Redact removes ids of records from the result of an entity, and replaces texts that name one. It returns whether
// it changed something.
func (m Mentions) Redact(r *events.Result) (changed bool) {
	if d := r.Differences; d != nil {
		kept := slices.DeleteFunc(slices.Clone(d.Sample), func(id string) bool { return m.In(r.Entity, id) })
		if len(kept) < len(d.Sample) {
			d.Sample, changed = kept, true
		}
	}
	for i := range r.Warnings {
		changed = m.redactText(r.Entity, &r.Warnings[i]) || changed
	}
	changed = m.redactText(r.Entity, &r.SkippedReason) || changed
	return m.RedactError(r.Entity, r.Error) || changed
}

// RedactError replaces the message of an error of an entity, or of any for "", if it names a record.
func (m Mentions) RedactError(name string, e *events.RunError) (changed bool) {
	if e == nil {
		return false
	}
	for known := range m.ids {
		if name == "" || name == known {
			changed = m.redactText(known, &e.Message) || changed
		}
	}
	return changed
}

func (m Mentions) redactText(name string, text *string) bool {
	if !m.In(name, *text) {
		return false
	}
	*text = Redacted
	return true
}
