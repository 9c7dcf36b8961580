package store

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// The casts of schema raw define the value of a typed column. They cost PostgreSQL more than storing
// the row. So a page brings the values of usual fields with it: values that this file is certain of.
// A record with any other value is stored by a statement that casts, so that the casts alone decide
// what does not fit a column.

// readValues reads the values of typed columns from records. It returns the records of which it is
// certain with the values of each column as a parameter, and the other records.
func readValues(columns []entity.Column, records []record) (usual []record, parameters []any, others []record) {
	reader := newColumnReader(columns)
	values := make([]columnValues, len(columns))
	usual = make([]record, 0, len(records))
	for _, r := range records {
		if reader.add(values, r.Raw) {
			usual = append(usual, r)
		} else {
			others = append(others, r)
		}
	}
	for i, c := range columns {
		parameters = append(parameters, values[i].parameter(c.Type))
	}
	return usual, parameters, others
}

// columnReader reads the values of an entity's typed columns from its records.
type columnReader struct {
	columns []entity.Column
	fields  map[string][]place // by the first field of the path
	scanner jsonscan.Scanner
	found   [][]byte // the JSON values of the record that is being read, nil where it has none
}

// place is where a column's value is below a field.
type place struct {
	column int
	path   []string // further fields
}

func newColumnReader(columns []entity.Column) *columnReader {
	r := &columnReader{columns: columns, fields: map[string][]place{}, found: make([][]byte, len(columns))}
	for i, c := range columns {
		path := strings.Split(c.Path, ".")
		r.fields[path[0]] = append(r.fields[path[0]], place{i, path[1:]})
	}
	return r
}

// columnValues are the values of one typed column in a page. One of the slices is used, by the type of
// the column.
type columnValues struct {
	texts    []pgtype.Text // of text and numeric
	integers []pgtype.Int8
	booleans []pgtype.Bool
	times    []pgtype.Timestamptz
}

// parameterType returns the type of the elements of columnValues.parameter in SQL. A number keeps its
// digits as text.
func parameterType(kind entity.ColumnType) string {
	if kind == entity.Numeric {
		return string(entity.Text)
	}
	return string(kind)
}

// parameter returns the values as a parameter.
func (v *columnValues) parameter(kind entity.ColumnType) any {
	switch kind {
	case entity.Bigint:
		return pgtype.FlatArray[pgtype.Int8](v.integers)
	case entity.Boolean:
		return pgtype.FlatArray[pgtype.Bool](v.booleans)
	case entity.Timestamptz:
		return pgtype.FlatArray[pgtype.Timestamptz](v.times)
	}
	return pgtype.FlatArray[pgtype.Text](v.texts)
}

// add appends the values of a record, or reports that some value needs the casts and appends none.
func (r *columnReader) add(values []columnValues, raw []byte) (certain bool) {
	clear(r.found)
	r.scanner.Data = raw
	if r.scanner.Fields(r.scanner.Space(0), r.field) < 0 {
		return false
	}
	for i, c := range r.columns {
		if !values[i].add(c.Type, r.found[i]) {
			for j := range i {
				values[j].drop(r.columns[j].Type)
			}
			return false
		}
	}
	return true
}

// field notes the values of columns in a field. The last of equal fields counts, as in jsonb.
func (r *columnReader) field(key []byte, at int) (end int) {
	if end = r.scanner.Value(at); end >= 0 {
		for _, p := range r.fields[string(key)] {
			r.found[p.column] = descend(r.scanner.Data[at:end], p.path)
		}
	}
	return end
}

// descend returns the value of a path of fields in a JSON value, nil if it has none.
func descend(raw []byte, path []string) []byte {
	for _, name := range path {
		var inner []byte
		s := jsonscan.Scanner{Data: raw}
		s.Fields(0, func(key []byte, at int) (end int) {
			if end = s.Value(at); end >= 0 && string(key) == name {
				inner = raw[at:end]
			}
			return end
		})
		raw = inner
	}
	return raw
}

// add appends a value if it is certain.
func (v *columnValues) add(kind entity.ColumnType, raw []byte) (certain bool) {
	null := len(raw) == 0 || raw[0] == 'n' || string(raw) == `""` && kind != entity.Text
	switch kind {
	case entity.Bigint:
		n, ok := integerOf(raw)
		if certain = ok || null; certain {
			v.integers = append(v.integers, pgtype.Int8{Int64: n, Valid: ok})
		}
	case entity.Boolean:
		b, ok := booleanOf(raw)
		if certain = ok || null; certain {
			v.booleans = append(v.booleans, pgtype.Bool{Bool: b, Valid: ok})
		}
	case entity.Timestamptz:
		t, ok := timeOf(raw)
		if certain = ok || null; certain {
			v.times = append(v.times, pgtype.Timestamptz{Time: t, Valid: ok})
		}
	case entity.Text, entity.Numeric:
		read := textOf
		if kind == entity.Numeric {
			read = numericOf
		}
		text, ok := read(raw)
		if certain = ok || null; certain {
			v.texts = append(v.texts, pgtype.Text{String: text, Valid: ok})
		}
	}
	return certain
}

// drop removes the last value.
func (v *columnValues) drop(kind entity.ColumnType) {
	switch kind {
	case entity.Bigint:
		v.integers = v.integers[:len(v.integers)-1]
	case entity.Boolean:
		v.booleans = v.booleans[:len(v.booleans)-1]
	case entity.Timestamptz:
		v.times = v.times[:len(v.times)-1]
	default:
		v.texts = v.texts[:len(v.texts)-1]
	}
}

// longestNumber is the length of the longest number that is certain.
const longestNumber = 30

// textOf returns a string, a boolean, or a number as numeric prints it. It is not certain for null.
func textOf(raw []byte) (text string, certain bool) {
	if text, isString := stringOf(raw); isString {
		return text, strings.IndexByte(text, 0) < 0 // which jsonb refuses
	}
	if _, isBoolean := booleanOf(raw); isBoolean {
		return string(raw), true
	}
	text, certain = numericOf(raw)
	return text, certain && (text[0] != '-' || strings.Trim(text, "-0.") != "") // numeric has no negative zero
}

func stringOf(raw []byte) (text string, ok bool) {
	switch {
	case len(raw) == 0 || raw[0] != '"':
		return "", false
	case bytes.IndexByte(raw, '\\') >= 0:
		return gjson.ParseBytes(raw).Str, true
	}
	return string(raw[1 : len(raw)-1]), true
}

func booleanOf(raw []byte) (value, certain bool) {
	return string(raw) == "true", string(raw) == "true" || string(raw) == "false"
}

// integerOf returns a number or a string of digits.
func integerOf(raw []byte) (n int64, certain bool) {
	text := bytes.Trim(raw, `"`)
	if len(text) == 0 || len(text) > len("-9223372036854775808") || len(text) < len(raw) && len(text) > len("-999999999999999999") {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

// numericOf returns a number, or a string with one, of digits with a decimal point.
func numericOf(raw []byte) (text string, certain bool) {
	text = string(bytes.Trim(raw, `"`))
	digits, points := 0, 0
	for i, c := range []byte(text) {
		switch {
		case c-'0' <= 9:
			digits++
		case c == '.':
			points++
		case c != '-' || i > 0:
			return "", false
		}
	}
	return text, digits > 0 && points <= 1 && len(text) <= longestNumber
}

// timeOf returns a time in the form in which ServiceTitan sends it, truncated to microseconds.
func timeOf(raw []byte) (t time.Time, certain bool) {
	const form = `"2026-02-11T16:04:52Z"`
	if len(raw) < len(form) || raw[0] != '"' || raw[1] != '1' && raw[1] != '2' || raw[len(raw)-2] != 'Z' {
		return t, false
	}
	// time.Parse accepts an hour of one digit and a comma, too.
	if next := raw[len(form)-2]; next != 'Z' && next != '.' {
		return t, false
	}
	t, err := time.Parse(time.RFC3339, string(raw[1:len(raw)-1]))
	return t.Truncate(time.Microsecond), err == nil
}
