package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Expressions that Temporal accepts are accepted; testdata/bad-configuration.txt has the others.
func TestCronExpressions(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"*/15 * * * *", "0 3 * * 0", "0 3 * * 7", "5/10 0-6/2 1,15 JAN-mar,september MON-FRI", "59 23 31 12 Su", "* * * * fr-7",
	} {
		_, err := parseCron(text)
		require.NoError(t, err, text)
	}
	for _, text := range []string{
		"", "@every 1h # or so", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "1-2-3 * * * *", "1/2/3 * * * *",
		"-1 * * * *", "1, * * * *", "5/ * * * *", "* * * ja *", "* * * * m", "+-1 * * * *", "* * * * sat-sun",
		"0 3 31 2,4 *", "0 0 30 feb *", "*/15 * * * *" + strings.Repeat(" ", 200),
	} {
		_, err := parseCron(text)
		require.Error(t, err, text)
	}
}
