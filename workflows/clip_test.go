package workflows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClip(t *testing.T) {
	t.Parallel()
	require.Equal(t, "not needed", clip("not needed"))
	require.Equal(t, "ab", clip("a\x00b"))
	require.Equal(t, "a\uFFFDb", clip("a\xffb"))
	require.Equal(t, strings.Repeat("ü", 999)+"…", clip(strings.Repeat("ü", 400_000)))
}
