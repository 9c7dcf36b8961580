package display_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/display"
)

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given string
		limit int
		want  string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"aßb", 2, "a…"}, // ß has two bytes
		{"aß", 3, "aß"},
	} {
		require.Equal(t, c.want, display.Truncate(c.given, c.limit), c.given)
	}
}

func TestJSONType(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": "nothing", " {}": "an object", "[1]": "an array", `"x"`: "a string", "true": "a boolean", "false": "a boolean", "null": "null", "-1": "a number",
	} {
		require.Equal(t, want, display.JSONType([]byte(given)), given)
	}
}
