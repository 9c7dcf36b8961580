package entity

import (
	"fmt"
	"strings"
	"unicode"
)

// columns reads a list of typed columns, separated by commas. A single word is
// a path in the record: the column is named after it in snake case and its type
// follows from how ServiceTitan names its fields. Where that does not fit, the
// column is written out as "column type [= path]". It panics on a malformed
// row: the catalogue is code.
func columns(spec string) []Column {
	var out []Column
	for part := range strings.SplitSeq(spec, ",") {
		left, path, renamed := strings.Cut(part, "=")
		words := strings.Fields(left)
		switch {
		case len(words) == 1 && !renamed:
			out = append(out, Column{Name: snakeCase(words[0]), Path: words[0], Type: typeOf(words[0])})
		case len(words) == 2 && !renamed:
			out = append(out, Column{Name: words[0], Path: words[0], Type: ColumnType(words[1])})
		case len(words) == 2:
			out = append(out, Column{Name: words[0], Path: strings.TrimSpace(path), Type: ColumnType(words[1])})
		default:
			panic(fmt.Sprintf("entity: column %q, want a path or \"column type = path\"", part))
		}
	}
	return out
}

// snakeCase makes a column's name of a path: businessUnit.id is business_unit_id.
func snakeCase(path string) string {
	var b strings.Builder
	for _, r := range path {
		switch {
		case r == '.':
			b.WriteByte('_')
		case unicode.IsUpper(r):
			b.WriteByte('_')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// typeOf is the type of a field by its name.
func typeOf(path string) ColumnType {
	field := path[strings.LastIndexByte(path, '.')+1:]
	switch field {
	case "active":
		return Boolean
	case "id":
		return Bigint
	case "date":
		return Timestamptz
	case "amount", "balance", "cost", "price", "salesTax", "subTotal", "tax", "total":
		return Numeric
	}
	switch {
	case len(field) > 2 && field[:2] == "is" && unicode.IsUpper(rune(field[2])):
		return Boolean
	case strings.HasSuffix(field, "Id"):
		return Bigint
	case strings.HasSuffix(field, "On"), strings.HasSuffix(field, "Date"):
		return Timestamptz
	case strings.HasSuffix(field, "Amount"), strings.HasSuffix(field, "Cost"), strings.HasSuffix(field, "Rate"):
		return Numeric
	}
	return Text
}
