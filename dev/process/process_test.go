package process

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogKeepsItsEnd(t *testing.T) {
	t.Parallel()
	var l Log
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		_, err := l.Write([]byte(text))
		require.NoError(t, err)
	}
	l.KeepLast(100)
	require.Equal(t, "one\ntwo\nthree\n", l.String())
	l.KeepLast(6)
	require.Equal(t, "three\n", l.String())
	l.KeepLast(0)
	require.Empty(t, l.String())
}
