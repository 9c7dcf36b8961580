package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/badinput"
)

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/bad-configuration.txt", func(t *testing.T, input string) string {
		environ := slices.Concat(complete(), strings.Split(input, "\n"))
		_, err := Load(environ, serve)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2", "a password")
		var problems Problems
		require.ErrorAs(t, err, &problems)
		return strings.Join(problems, "\n")
	})
}
