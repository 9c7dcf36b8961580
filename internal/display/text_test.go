package display

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShortenCountsCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "é1234", Shorten("é1234", 5))
	require.Equal(t, "é123…", Shorten("é12345", 5))
}

func TestOneLineHasNoControlCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a  b c", OneLine("a\r\nb\u0085c"))
}

func TestCount(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]int{"0 entities": 0, "1 entity": 1, "-1 entities": -1, "1,234,567 entities": 1234567, "-123 entities": -123} {
		require.Equal(t, want, Count(n, "entity"))
	}
	require.Equal(t, "2 records", Count(int64(2), "record"))
}
