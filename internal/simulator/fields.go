package simulator

import (
	"fmt"
	"strings"
)

// field is a field of a record, as the tables describe it.
type field struct {
	name     string
	form     string   // one of forms, or "choice"
	choices  []string // of a choice
	nullable bool
	settled  bool // the value never changes
	in       place
}

// place is a listing that omits a field.
type place int

const (
	everywhere place = iota
	exportOnly
	listOnly
)

// readFields parses "name name:form name:One|Two …". The default form depends on the name. A
// question mark after a field means that it may be null. A prefix means that the field is only
// in the export (+), only in the list (-), or never changes (!).
func readFields(text string) []field {
	var fields []field
	for token := range strings.FieldsSeq(text) {
		f := field{}
		token, f.nullable = strings.CutSuffix(token, "?")
		switch token[0] {
		case '+':
			f.in = exportOnly
		case '-':
			f.in = listOnly
		case '!':
			f.settled = true
		}
		f.name, f.form, _ = strings.Cut(strings.TrimLeft(token, "+-!"), ":")
		if f.form == "" {
			f.form = formByName(f.name)
		}
		if strings.Contains(f.form, "|") {
			f.form, f.choices = "choice", strings.Split(f.form, "|")
		}
		if _, known := forms[f.form]; !known {
			panic(fmt.Sprintf("simulator: field %q has the unknown form %q", token, f.form))
		}
		fields = append(fields, f)
	}
	return fields
}

// formByName returns the default form of a field.
func formByName(name string) string {
	if form, ok := formsByName[name]; ok {
		return form
	}
	for _, ending := range []struct{ suffix, form string }{
		{"Ids", "ids"}, {"Id", "ref"}, {"On", "time"}, {"Number", "digits"}, {"Amount", "number"}, {"Rate", "number"}, {"Cost", "number"},
		{"Price", "number"}, {"Date", "date"},
	} {
		if strings.HasSuffix(name, ending.suffix) {
			return ending.form
		}
	}
	return "text"
}

var formsByName = map[string]string{
	"active": "active", "createdOn": "created", "modifiedOn": "modified", "createdById": "user", "mergedToId": "merged",
	"number": "digits", "amount": "number", "total": "number", "subTotal": "number", "balance": "number", "tax": "number", "salesTax": "number",
	"cost": "number", "price": "number", "hours": "number", "percent": "number", "from": "number", "to": "number", "quantity": "number",
	"start": "time", "end": "time", "date": "date", "customFields": "customFields", "externalData": "none", "items": "lines", "address": "address",
	"customer": "customer", "location": "customer", "businessUnit": "unit", "vendor": "named", "batch": "named", "job": "job",
	"appliedTo": "applied", "phoneSettings": "phoneSettings", "preferences": "preferences", "exceptions": "exceptions", "skills": "skills", "positions": "positions", "description": "html", "summary": "html", "memo": "html",
}

// Choices that several tables share.
const (
	syncStatus   = "syncStatus:Pending|Posted|Exported"
	priority     = "priority:Low|Normal|High|Urgent"
	employee     = "employeeId !employeeType:Technician|Employee"
	contactType  = "type:Phone|Email|Fax|MobilePhone"
	customFields = "name dataType:Text|Dropdown|Numeric dataTypeOptions:none createdOn modifiedOn"
)
