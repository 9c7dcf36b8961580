// Package views defines the views of schema st: which there are, their columns, and the SQL that
// creates them. Package store creates them, and docs/views.md is generated from them. The package
// has no state and executes nothing. It must not import store.
package views

import (
	"slices"

	"github.com/lazi/lazisync/internal/entity"
)

// Schema is the schema of the views.
const Schema = "st"

// Version is the version of the definitions. A change of any definition raises it: a database with
// views of a higher version keeps them.
const Version = 1

// View describes a view. Its rows are the live records of an entity, or the elements of an array in
// these records.
type View struct {
	Name    string
	Entity  string // of the catalogue
	Doc     string // what a row is, one sentence
	Columns []Column
}

// Column describes a column of a view.
type Column struct {
	Name string
	Kind Kind
	// Path is the field of the record, dots between levels. A field of the elements of an array is
	// items[].price. A Numeric may be the sum of two fields: subtotal + tax.
	Path string
	Doc  string // one sentence
}

// Kind is the type of a column and how its value is derived from the field.
type Kind int

const (
	Text Kind = iota
	Bigint
	Numeric
	Boolean
	Date         // a day, which ServiceTitan sends as midnight UTC
	Time         // two columns: an instant, and the local time of the tenant with the suffix _local
	Customer     // the id of a customer; of a merged one, that of the customer which it was merged into
	Location     // the same for a location
	Merged       // the record that remains after all merges; NULL for one that was not merged
	IDs          // an array of ids
	CustomFields // an object: the value of each custom field by its name
	Position     // the place of an element in its array, from 1
	Document     // the whole record
)

// localSuffix ends the name of the second column of a Time.
const localSuffix = "_local"

// All lists the views.
var All = slices.Concat(crm, jobs, accounting, sales, settings)

// entity returns the entity of the view. The catalogue has it; a test looks.
func (v View) entity() entity.Entity {
	e, _ := entity.Find(v.Entity)
	return e
}

// Entities lists the entities whose tables the view reads.
func (v View) Entities() []string {
	names := []string{v.Entity}
	for _, c := range v.Columns {
		if of := c.Kind.mergeable(); of != "" && !slices.Contains(names, of) {
			names = append(names, of)
		}
	}
	return names
}

// mergeable returns the entity whose merges a kind follows, "" for none.
func (k Kind) mergeable() string {
	switch k {
	case Customer:
		return "customers"
	case Location:
		return "locations"
	}
	return ""
}

// Type returns the PostgreSQL type of a column.
func (k Kind) Type() string {
	switch k {
	case Text:
		return "text"
	case Numeric:
		return "numeric"
	case Boolean:
		return "boolean"
	case Date:
		return "date"
	case Time:
		return "timestamptz"
	case IDs:
		return "bigint[]"
	case CustomFields, Document:
		return "jsonb"
	}
	return "bigint"
}

// Described is a column as it is in the database.
type Described struct{ Name, Type, Path, Doc string }

// Describe lists the columns of the view as they are in the database.
func (v View) Describe() (all []Described) {
	all = append(all, Described{"tenant_id", "bigint", "", "The tenant. The key begins with it: name it in every condition."})
	for _, c := range v.Columns {
		all = append(all, Described{c.Name, c.Kind.Type(), c.Path, c.Doc})
		if c.Kind == Time {
			all = append(all, Described{c.Name + localSuffix, "timestamp", c.Path, "The same in the time zone of the tenant."})
		}
	}
	return all
}
