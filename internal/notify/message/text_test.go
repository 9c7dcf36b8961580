package message

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/display"
)

var slackLike = Markup{Bold: "*", Escapes: map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 10, ""},
		{"exactly 10", 10, "exactly 10"},
		{"eleven char", 10, "eleven …"[:7] + "…"},
		{"a<b&c>d", 100, "a&lt;b&amp;c&gt;d"},
		{"abc<", 7, "abc&lt;"},
		{"abc<d", 7, "abc…"},
		{"ééééé", 8, "éé…"},
		{"bad \xff byte", 100, "bad \uFFFD byte"},
	} {
		got := (Renderer{Markup: slackLike}).clip(c.in, c.limit)
		require.Equal(t, c.want, got)
		require.LessOrEqual(t, len(got), c.limit)
	}
}

func TestFormatNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", 1 << 62: "4,611,686,018,427,387,904",
	} {
		require.Equal(t, want, display.Thousands(n))
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0 s", 0: "0.0 s", 9876 * time.Millisecond: "9.9 s", 59900 * time.Millisecond: "59 s",
		134 * time.Second: "2 min 14 s", 3 * time.Hour: "3 h 0 min", 50 * time.Hour: "2 d 2 h",
	} {
		require.Equal(t, want, duration(d))
	}
	require.Equal(t, "1 entity", display.Count(1, "entity"))
	require.Equal(t, "2 entities", display.Count(2, "entity"))
	require.Equal(t, "0 records", display.Count(0, "record"))
}
