package store

import (
	"fmt"
	"strings"
)

// conversion turns a column of an earlier table into the type that lazisync wants.
type conversion struct {
	using   string // the new value
	refuses string // true of rows that have no new value; "" where only trying shows it
}

// Texts that are a number of ours. An id in any other form could become equal to another.
const (
	isInteger = `'^(0|-?[1-9][0-9]{0,17})$'`
	isNumber  = `'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'`
)

// is says whether the column has the wanted type already, without limits of its own.
func (c earlierColumn) is(want string) bool {
	return c.Type == want || want == "timestamptz" && c.Type == "timestamp with time zone"
}

// convert says how a column becomes one of the wanted type, where that is safe. The
// letters are PostgreSQL's categories of types.
func (c earlierColumn) convert(want string) (conversion, bool) {
	name := quoted(c.Name)
	plain := conversion{using: name + "::" + want, refuses: "false"}
	switch want + " from " + c.Category {
	case "text from S", "text from E", "text from N", "text from B", "numeric from N":
		return plain, true
	case "text from U":
		return plain, c.Type == "uuid"
	case "timestamptz from D":
		return c.toTimestamptz()
	case "bigint from N":
		plain.refuses = fmt.Sprintf("%[1]s::numeric <> trunc(%[1]s::numeric) or abs(%[1]s::numeric) > 9223372036854775807", name)
		return plain, true
	case "bigint from S":
		return conversion{using: name + "::text::bigint", refuses: name + "::text !~ " + isInteger}, true
	case "numeric from S":
		return conversion{using: name + "::text::numeric", refuses: name + "::text !~ " + isNumber}, true
	case "boolean from S":
		return conversion{using: fmt.Sprintf("lower(%s::text) = 'true'", name), refuses: fmt.Sprintf("lower(%s::text) not in ('true', 'false')", name)}, true
	case "boolean from N":
		return conversion{using: name + " <> 0", refuses: name + " not in (0, 1)"}, true
	case "jsonb from U", "jsonb from S":
		return conversion{using: name + "::text::jsonb"}, c.Type == "json" || c.Category == "S"
	}
	return conversion{}, false
}

// toTimestamptz reads a time without a zone as UTC.
func (c earlierColumn) toTimestamptz() (conversion, bool) {
	name := quoted(c.Name)
	switch {
	case strings.HasPrefix(c.Type, "timestamp") && strings.HasSuffix(c.Type, " with time zone"):
		return conversion{using: name + "::timestamptz", refuses: "false"}, true
	case strings.HasPrefix(c.Type, "timestamp"), c.Type == "date":
		return conversion{using: name + "::timestamp at time zone 'UTC'", refuses: "false"}, true
	}
	return conversion{}, false
}
