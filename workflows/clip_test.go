package workflows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClip(t *testing.T) {
	t.Parallel()
	require.Equal(t, "not needed", Clip("not needed"))
	require.Equal(t, "ab", Clip("a\x00b"))
	require.Equal(t, "a\uFFFDb", Clip("a\xffb"))
	require.Equal(t, strings.Repeat("ü", 999)+"…", Clip(strings.Repeat("ü", 400_000)))
}
