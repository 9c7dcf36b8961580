package compare

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

func TestUnequal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ want, got, says string }{
		"equal":            {`{"a":1,"b":[true,null,"x"]}`, `{"b": [true, null, "x"], "a": 1}`, ""},
		"a digit too few":  {`{"total":250.00}`, `{"total":250.0}`, "total is 250.0 in PostgreSQL, want 250.00"},
		"many digits":      {`{"n":123456789012345678.9}`, `{"n":123456789012345678.8}`, "n is 123456789012345678.8 in PostgreSQL, want 123456789012345678.9"},
		"number or string": {`{"total":"1"}`, `{"total":1}`, `total is 1 in PostgreSQL, want "1"`},
		"missing":          {`{"a":{"b":1}}`, `{"a":{}}`, "a.b is missing in PostgreSQL"},
		"too much":         {`{"a":{}}`, `{"a":{"b":1}}`, "a.b is in PostgreSQL and not in ServiceTitan"},
		"null or missing":  {`{"a":null}`, `{}`, "a is missing in PostgreSQL"},
		"in a list":        {`{"a":[1,{"b":2}]}`, `{"a":[1,{"b":3}]}`, "a[1].b is 3 in PostgreSQL, want 2"},
		"shorter list":     {`{"a":[1]}`, `{"a":[]}`, "a is [] in PostgreSQL, want [1]"},
		"another kind":     {`{"a":1}`, `{"a":[1]}`, "a is [1] in PostgreSQL, want 1"},
		"escapes":          {`{"a":"\u00e9\/"}`, `{"a":"é/"}`, ""},
		"twice":            {`{"a":{"b":1,"c":[{"d":1}]}}`, `{"a":{"b":1,"c":[{"d":2}]}}`, "a.c[0].d is 2 in PostgreSQL, want 1"},
		"null or object":   {`{"a":null}`, `{"a":{}}`, "a is {} in PostgreSQL, want null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.says, unequal("", gjson.Parse(c.want), gjson.Parse(c.got)))
		})
	}
}
