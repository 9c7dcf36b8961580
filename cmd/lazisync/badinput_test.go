package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/badinput"
)

func TestBadUsage(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/bad-usage.txt", func(t *testing.T, input string) string {
		args := strings.Fields(input)
		for i, arg := range args {
			args[i] = strings.ReplaceAll(arg, `""`, "")
		}
		code, stdout, stderr := lazisync(t, nil, args...)
		require.Equal(t, 2, code, stderr)
		require.Empty(t, stdout)
		return strings.TrimSpace(stderr)
	})
}
