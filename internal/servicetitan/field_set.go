package servicetitan

import (
	"slices"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// Bounds of a fieldSet. ServiceTitan's records have at most about seventy fields on one level, and four
// levels.
const (
	maxObjectFields = 100
	maxFieldName    = 64 // bytes
	maxFieldDigits  = 4
)

// fieldSet collects the paths of the fields of records: of the records themselves, of objects in them and
// of objects in arrays. It scans a record again, so a decoder gives it only those with a path that is new
// to a jsonscan.PathSet. It never keeps a value. The keys of an object may be data, such as ids or the names
// of people: a key that has not the form of a field name is not kept, and an object with such keys, or with
// very many, counts as a map, none of whose keys is kept. The zero value is empty.
type fieldSet struct {
	root    fieldNode
	count   int
	scanner jsonscan.Scanner

	object *fieldNode // whose fields are being scanned
	next   int        // the index among its fields at which the next field is expected
	array  *fieldNode // whose elements are being scanned
	level  int        // of the fields of object, from 1

	// The methods value and element, bound once for all records.
	visitField   func(key []byte, at int) (end int)
	visitElement func(at int) (end int)
}

// fieldNode is a field, or the records for the root.
type fieldNode struct {
	name   string
	fields []*fieldNode // of its objects, in the order in which each occurred first
	other  *fieldNode   // all fields whose names are not kept, nil if there was none
	isMap  bool         // none of the names is kept
}

// add adds the fields of a record, which is valid JSON.
func (s *fieldSet) add(record []byte) {
	if s.visitField == nil {
		s.visitField, s.visitElement = s.value, s.element
	}
	s.scanner.Data, s.object, s.next, s.level = record, &s.root, 0, 1
	s.scanner.Fields(0, s.visitField)
}

// value scans the value of a field of the current object, and adds the field and those in its value.
func (s *fieldSet) value(key []byte, at int) (end int) {
	object := s.object
	field := object.other
	if i := object.index(key, s.next); i >= 0 {
		field, s.next = object.fields[i], i+1
	} else if !object.isMap {
		field = s.addField(object, key)
	}
	next := s.next
	end = s.inside(field, at)
	s.object, s.next = object, next
	return end
}

// inside scans a value and adds the fields of the objects in it, also in arrays.
func (s *fieldSet) inside(field *fieldNode, at int) (end int) {
	switch {
	case s.level == entity.MaxFieldLevels:
	case s.scanner.Is(at, '{'):
		return s.fieldsOf(field, at)
	case s.scanner.Is(at, '['):
		outer := s.array
		s.array = field
		end = s.scanner.Elements(at, s.visitElement)
		s.array = outer
		return end
	}
	return s.scanner.Value(at)
}

func (s *fieldSet) element(at int) (end int) { return s.inside(s.array, at) }

// fieldsOf scans an object in the value of a field.
func (s *fieldSet) fieldsOf(field *fieldNode, at int) (end int) {
	s.object, s.next = field, 0
	s.level++
	end = s.scanner.Fields(at, s.visitField)
	s.level--
	return end
}

// addField adds a field to an object and returns it. If its name is not kept, it returns object.other.
func (s *fieldSet) addField(object *fieldNode, key []byte) *fieldNode {
	if s.count < entity.MaxFields && len(object.fields) < maxObjectFields && isFieldName(key) {
		s.count++
		field := &fieldNode{name: string(key)}
		object.fields = append(object.fields, field)
		s.next = len(object.fields)
		return field
	}
	if object.other == nil {
		object.other = &fieldNode{name: entity.OtherFields}
	}
	if object != &s.root && s.count < entity.MaxFields {
		object.isMap, object.fields = true, nil
	}
	return object.other
}

// index returns the index of a field, -1 if the object has none of that name. It looks at next first.
func (n *fieldNode) index(key []byte, next int) int {
	for i := next; i < len(n.fields); i++ {
		if n.fields[i].name == string(key) {
			return i
		}
	}
	for i := range min(next, len(n.fields)) {
		if n.fields[i].name == string(key) {
			return i
		}
	}
	return -1
}

// isFieldName reports whether a key has the form of ServiceTitan's field names: it begins with a to z and
// has only ASCII letters, digits, of which few, and underscores.
func isFieldName(key []byte) bool {
	if len(key) == 0 || len(key) > maxFieldName || key[0] < 'a' || key[0] > 'z' {
		return false
	}
	digits := 0
	for _, c := range key {
		switch {
		case c-'0' <= 9:
			digits++
		case c|0x20-'a' >= 26 && c != '_':
			return false
		}
	}
	return digits <= maxFieldDigits
}

// paths returns the paths of the fields, sorted, nil if there are none.
func (s *fieldSet) paths() (all []string) {
	if s == nil {
		return nil
	}
	var walk func(n *fieldNode, prefix string)
	walk = func(n *fieldNode, prefix string) {
		fields := n.fields
		if n.other != nil {
			fields = append(slices.Clone(fields), n.other)
		}
		for _, f := range fields {
			all = append(all, prefix+f.name)
			walk(f, prefix+f.name+".")
		}
	}
	walk(&s.root, "")
	slices.Sort(all)
	return all
}
