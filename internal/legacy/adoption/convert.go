package adoption

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/store/ddl"
)

// conversion changes the type of a column of a legacy table.
type conversion struct {
	using   string // expression of the new value
	rejects string // condition of rows that do not convert; "" if only the conversion itself shows it
}

// Strings that convert to a number. Two ids in any other form could become equal.
const (
	isInteger = `'^(0|-?[1-9][0-9]{0,17})$'`
	isNumber  = `'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'`
)

// hasType reports whether the column has a type, without a length or precision.
func (c column) hasType(want string) bool {
	return c.Type == want || want == "timestamptz" && c.Type == "timestamp with time zone"
}

// conversionTo returns how to change the type of the column, and whether that is safe. The codes
// are those of pg_type.typcategory.
func (c column) conversionTo(want string) (conversion, bool) {
	name := ddl.Quote(c.Name)
	plain := conversion{using: name + "::" + want, rejects: "false"}
	switch want + " from " + c.Category {
	case "text from S", "text from E", "text from N", "text from B", "numeric from N":
		return plain, true
	case "text from U":
		return plain, c.Type == "uuid"
	case "timestamptz from D":
		return c.toTimestamptz()
	case "bigint from N":
		plain.rejects = fmt.Sprintf("%[1]s::numeric <> trunc(%[1]s::numeric) or abs(%[1]s::numeric) > 9223372036854775807", name)
		return plain, true
	case "bigint from S":
		return conversion{using: name + "::text::bigint", rejects: name + "::text !~ " + isInteger}, true
	case "numeric from S":
		return conversion{using: name + "::text::numeric", rejects: name + "::text !~ " + isNumber}, true
	case "boolean from S":
		return conversion{using: fmt.Sprintf("lower(%s::text) = 'true'", name), rejects: fmt.Sprintf("lower(%s::text) not in ('true', 'false')", name)}, true
	case "boolean from N":
		return conversion{using: name + " <> 0", rejects: name + " not in (0, 1)"}, true
	case "jsonb from U", "jsonb from S":
		return conversion{using: name + "::text::jsonb"}, c.Type == "json" || c.Category == "S"
	}
	return conversion{}, false
}

// toTimestamptz converts a date or time. One without a time zone is UTC.
func (c column) toTimestamptz() (conversion, bool) {
	name := ddl.Quote(c.Name)
	switch {
	case strings.HasPrefix(c.Type, "timestamp") && strings.HasSuffix(c.Type, " with time zone"):
		return conversion{using: name + "::timestamptz", rejects: "false"}, true
	case strings.HasPrefix(c.Type, "timestamp"), c.Type == "date":
		return conversion{using: name + "::timestamp at time zone 'UTC'", rejects: "false"}, true
	}
	return conversion{}, false
}
