package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// casts are JSON values and what they are in a column; "" means NULL.
var casts = map[string][]struct{ json, want string }{
	"text": {
		{`"a"`, "a"},
		{`12.50`, "12.50"},
		{`true`, "true"},
		{`null`, ""},
		{`{"a": 1}`, ""},
		{`[1]`, ""},
	},
	"bigint": {
		{`1`, "1"},
		{`-9223372036854775808`, "-9223372036854775808"},
		{`9223372036854775807`, "9223372036854775807"},
		{`9223372036854775808`, ""},
		{`9007199254740993`, "9007199254740993"},
		{`1.0`, "1"},
		{`1e3`, "1000"},
		{`1.5`, ""},
		{`1e300`, ""},
		{`"12"`, "12"},
		{`"-12"`, "-12"},
		{`"9223372036854775808"`, ""},
		{`"99999999999999999999"`, ""},
		{`"12x"`, ""},
		{`""`, ""},
		{`true`, ""},
		{`null`, ""},
		{`[1]`, ""},
	},
	"numeric": {
		{`12.50`, "12.50"},
		{`"12.50"`, "12.50"},
		{`12345678901234567890.123456789`, "12345678901234567890.123456789"},
		{`"12345678901234567890.123456789"`, "12345678901234567890.123456789"},
		{`"-.5"`, "-0.5"},
		{`"5."`, "5"},
		{`"1e3"`, "1000"},
		{`"1e1000"`, ""},
		{`"1e200000"`, ""},
		{`"NaN"`, ""},
		{`"Infinity"`, ""},
		{`"1,5"`, ""},
		{`" 1"`, ""},
		{`"."`, ""},
		{`""`, ""},
		{`"` + strings.Repeat("9", 1001) + `"`, ""},
		{`true`, ""},
		{`{}`, ""},
	},
	"boolean": {
		{`true`, "true"},
		{`false`, "false"},
		{`"True"`, "true"},
		{`"false"`, "false"},
		{`"yes"`, ""},
		{`1`, ""},
		{`null`, ""},
	},
	"timestamptz": {
		{`"2026-03-01T12:00:00Z"`, "2026-03-01 12:00:00+00"},
		{`"2026-03-01T12:00:00.1234567Z"`, "2026-03-01 12:00:00.123456+00"},
		{`"2026-12-31T23:59:59.9999999Z"`, "2026-12-31 23:59:59.999999+00"},
		{`"2026-12-31T23:59:59.9999999+00:00"`, "2026-12-31 23:59:59.999999+00"},
		{`"2026-03-01T12:00:00.5Z"`, "2026-03-01 12:00:00.5+00"},
		{`"2026-03-01T12:00:00+05:30"`, "2026-03-01 06:30:00+00"},
		{`"2026-03-01T12:00:00"`, "2026-03-01 12:00:00+00"},
		{`"2026-03-01"`, "2026-03-01 00:00:00+00"},
		{`"2026-03-01 12:00"`, "2026-03-01 12:00:00+00"},
		{`"2024-02-29T00:00:00Z"`, "2024-02-29 00:00:00+00"},
		{`"2026-02-29T00:00:00Z"`, ""},
		{`"2026-02-30T00:00:00Z"`, ""},
		{`"2026-04-31T00:00:00Z"`, ""},
		{`"2026-13-01T00:00:00Z"`, ""},
		{`"2026-03-01T25:00:00Z"`, ""},
		{`"0001-01-01T00:00:00Z"`, "0001-01-01 00:00:00+00"},
		{`"0000-01-01T00:00:00Z"`, ""},
		{`"now"`, ""},
		{`"infinity"`, ""},
		{`"yesterday"`, ""},
		{`""`, ""},
		{`"2026-03-01T12:00:00Z; drop"`, ""},
		{`1767225600`, ""},
		{`null`, ""},
		{`{}`, ""},
	},
}

// TestCasts reads JSON values as the columns' types.
func TestCasts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for typ, tests := range casts {
		for _, tt := range tests {
			got := get[string](f, fmt.Sprintf("select coalesce(raw.to_%s($1::jsonb)::text, '')", typ), tt.json)
			require.Equal(t, tt.want, got, "%s as %s", tt.json, typ)
		}
		require.Empty(t, get[string](f, fmt.Sprintf("select coalesce(raw.to_%s($1::jsonb)::text, '')", typ), nil), "nothing as %s", typ)
	}
}

// TestCastsAreInlined looks at the plan: the casts must be part of it, not calls.
func TestCastsAreInlined(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rows, err := f.db.Query(t.Context(), `explain (verbose, costs off)
		select raw.to_text(full_data -> 'a'), raw.to_bigint(full_data #> '{b,c}'), raw.to_numeric(full_data -> 'd'),
			raw.to_boolean(full_data -> 'e'), raw.to_timestamptz(full_data -> 'f') from raw.st_customers`)
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	for _, cast := range []string{"to_text(", "to_bigint(", "to_numeric(", "to_boolean(", "to_timestamptz("} {
		require.NotContains(t, plan.String(), cast)
	}
}
