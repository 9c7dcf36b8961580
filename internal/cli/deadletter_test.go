package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEscapingWriter(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"plain\ttext\n":               "plain\ttext\n",
		`{"note":"Grüße \"quoted\""}`: `{"note":"Grüße \"quoted\""}`,
		"\x1b[2Jgone":                 `\x1b[2Jgone`,
		"back\rover":                  `back\rover`,
		"\u009b31m":                   `\u009b31m`, // an escape in one character
		"\u202eright to left":         `\u202eright to left`,
		"no\xfftext \ufffd":           "no\\xfftext \ufffd",
	} {
		var out strings.Builder
		n, err := escapingWriter{&out}.Write([]byte(given))
		require.NoError(t, err)
		require.Equal(t, len(given), n)
		require.Equal(t, want, out.String())
	}
}
