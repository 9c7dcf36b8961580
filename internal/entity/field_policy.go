package entity

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxFieldLevels bounds the levels of the paths of fields: those of the record are on the first level.
const MaxFieldLevels = 5

// FieldAction is what a field policy does to a field, and to what its value contains.
type FieldAction string

const (
	KeepField FieldAction = "keep" // it is stored as received
	DropField FieldAction = "drop" // it is removed from the record
	HashField FieldAction = "hash" // its value, or each value in it, is replaced by its keyed hash
)

// FieldActions lists the actions.
var FieldActions = []FieldAction{DropField, HashField, KeepField}

// FieldRule is one rule of a field policy.
type FieldRule struct {
	Entity string
	// Path is the path of the field as Page.Fields has it: names with dots between levels, without
	// the indexes of arrays. A name may be OtherFields, which means every name without a rule.
	Path   string
	Action FieldAction
}

func (r FieldRule) String() string { return r.Entity + "." + r.Path + "=" + string(r.Action) }

// names returns the names of the path.
func (r FieldRule) names() []string { return strings.Split(r.Path, ".") }

// EngineFields lists the fields of a record without which it cannot be synced. A field policy can
// name none of them.
func (e Entity) EngineFields() []string {
	fields := append(slices.Clone(e.Identity()), "modifiedOn", "active")
	if e.GoneStatus != "" {
		fields = append(fields, "status")
	}
	return fields
}

// Check returns an error if the rule does not fit the entity.
func (r FieldRule) Check(e Entity) error {
	if !slices.Contains(FieldActions, r.Action) {
		return fmt.Errorf("unknown action %q, want drop, hash or keep", r.Action)
	}
	names := r.names()
	for _, name := range names {
		if name != OtherFields && !isPolicyName(name) {
			return fmt.Errorf("got the name %q, want the name of a field or *, without indexes of arrays: items.sku is sku of each item", name)
		}
	}
	if len(names) > MaxFieldLevels {
		return fmt.Errorf("the path has %d levels, want at most %d: name the object", len(names), MaxFieldLevels)
	}
	for _, needed := range e.EngineFields() {
		if strings.EqualFold(names[0], needed) {
			return fmt.Errorf("lazisync needs %s of each record, want another field", needed)
		}
	}
	return nil
}

// Names reports whether the rule names one of the fields of an entity, which are as in Page.Fields.
func (r FieldRule) Names(fields []string) bool {
	names := r.names()
	return slices.ContainsFunc(fields, func(field string) bool {
		known := strings.Split(field, ".")
		for i, name := range names[:min(len(names), len(known))] {
			switch {
			case known[i] == OtherFields: // perhaps it is among those whose names are not kept
				return true
			case name != OtherFields && !strings.EqualFold(name, known[i]):
				return false
			}
		}
		return len(names) <= len(known)
	})
}

// isPolicyName reports whether a name can be that of a field: ASCII letters, digits and underscores.
func isPolicyName(name string) bool {
	for _, c := range []byte(name) {
		if c-'0' > 9 && c|0x20-'a' >= 26 && c != '_' {
			return false
		}
	}
	return name != ""
}

// FieldPolicy says what is done to the fields of records before anything else reads them. The zero
// value keeps all fields. It is safe for concurrent use.
//
// Of several rules for a field, the one with the longest path counts, and of equally long ones the one
// that has a name where the others have OtherFields. Names are compared without regard to case:
// a field that ServiceTitan writes in another way is not stored by accident.
type FieldPolicy struct {
	rules map[string][]FieldRule // by entity, in the order of their paths
	trees map[string]*FieldNode  // by entity
}

// NewFieldPolicy returns a policy of rules that FieldRule.Check accepts, each for another path of an
// entity.
func NewFieldPolicy(rules []FieldRule) FieldPolicy {
	p := FieldPolicy{rules: map[string][]FieldRule{}, trees: map[string]*FieldNode{}}
	for _, r := range rules {
		p.rules[r.Entity] = append(p.rules[r.Entity], r)
	}
	for name, rules := range p.rules {
		slices.SortFunc(rules, func(a, b FieldRule) int { return cmp.Compare(strings.ToLower(a.Path), strings.ToLower(b.Path)) })
		if !slices.ContainsFunc(rules, func(r FieldRule) bool { return r.Action != KeepField }) {
			continue // it keeps everything
		}
		root := &FieldNode{}
		for _, r := range rules {
			root.add(r.names()).Action = r.Action
		}
		root.spread()
		if e, known := Find(name); known {
			for _, needed := range e.EngineFields() {
				*root.add([]string{needed}) = FieldNode{Action: KeepField}
			}
		}
		p.trees[name] = root
	}
	return p
}

// Rules returns the rules, in the order of entities and paths.
func (p FieldPolicy) Rules() (all []FieldRule) {
	for _, e := range Catalogue {
		all = append(all, p.rules[e.Name]...)
	}
	return all
}

// Of returns the root of the fields of an entity, nil if the policy keeps all of them.
func (p FieldPolicy) Of(entityName string) *FieldNode { return p.trees[entityName] }

// Hashes reports whether a field is hashed, of the entity or, with "", of any.
func (p FieldPolicy) Hashes(entityName string) bool {
	for name, rules := range p.rules {
		if (entityName == "" || entityName == name) && slices.ContainsFunc(rules, func(r FieldRule) bool { return r.Action == HashField }) {
			return true
		}
	}
	return false
}

// Text returns the rules of an entity in one form, "" if the policy keeps all of its fields.
func (p FieldPolicy) Text(entityName string) string {
	if p.trees[entityName] == nil {
		return ""
	}
	var b strings.Builder
	for _, r := range p.rules[entityName] {
		fmt.Fprintf(&b, "%s=%s;", strings.ToLower(r.Path), r.Action)
	}
	return b.String()
}

// HashedColumns returns the typed columns of an entity that cannot hold a hash although the policy
// hashes their fields.
func (p FieldPolicy) HashedColumns(e Entity) (columns []Column) {
	for _, c := range e.Columns {
		if c.Type != Text && p.Of(e.Name).actionAt(strings.Split(c.Path, ".")) == HashField {
			columns = append(columns, c)
		}
	}
	return columns
}

// FieldNode has the rules for a field, or for the records of an entity. A nil node has none.
type FieldNode struct {
	Action FieldAction // of the field; "" for the one of the object around it
	names  [][]byte
	fields []*FieldNode // by names
	others *FieldNode   // all fields without a name here, nil if there is no rule for them
}

// Field returns the rules for a field of the object, nil if there are none.
func (n *FieldNode) Field(name []byte) *FieldNode {
	if n == nil {
		return nil
	}
	for i, known := range n.names {
		if bytes.EqualFold(known, name) {
			return n.fields[i]
		}
	}
	return n.others
}

// HasFields reports whether there are rules for fields of the object.
func (n *FieldNode) HasFields() bool { return n != nil && (n.others != nil || len(n.fields) > 0) }

// ActionIn returns the action for the field in an object with an action.
func (n *FieldNode) ActionIn(object FieldAction) FieldAction {
	if n == nil || n.Action == "" {
		return object
	}
	return n.Action
}

func (n *FieldNode) actionAt(path []string) FieldAction {
	action := KeepField
	for _, name := range path {
		n = n.Field([]byte(name))
		action = n.ActionIn(action)
	}
	return action
}

// add returns the node at a path below n, and creates it if there is none.
func (n *FieldNode) add(path []string) *FieldNode {
	if len(path) == 0 {
		return n
	}
	if path[0] == OtherFields {
		if n.others == nil {
			n.others = &FieldNode{}
		}
		return n.others.add(path[1:])
	}
	for i, known := range n.names {
		if strings.EqualFold(string(known), path[0]) {
			return n.fields[i].add(path[1:])
		}
	}
	field := &FieldNode{}
	n.names, n.fields = append(n.names, []byte(path[0])), append(n.fields, field)
	return field.add(path[1:])
}

// spread copies the rules for all other names to each name, which may have rules of its own.
func (n *FieldNode) spread() {
	for _, field := range n.fields {
		if n.others != nil {
			field.inherit(n.others)
		}
		field.spread()
	}
	if n.others != nil {
		n.others.spread()
	}
}

// inherit adds the rules of another node where n has none.
func (n *FieldNode) inherit(other *FieldNode) {
	n.Action = cmp.Or(n.Action, other.Action)
	for i, name := range other.names {
		n.add([]string{string(name)}).inherit(other.fields[i])
	}
	if other.others != nil {
		n.add([]string{OtherFields}).inherit(other.others)
	}
}
