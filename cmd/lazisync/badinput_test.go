package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/badinput"
)

func TestBadUsage(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/wrong-usage.txt", func(t *testing.T, input string) string {
		code, stdout, stderr := lazisync(t, nil, strings.Fields(input)...)
		require.Equal(t, 2, code, stderr)
		require.Empty(t, stdout)
		return strings.TrimSpace(stderr)
	})
}
