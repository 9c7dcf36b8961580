package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What Temporal takes is taken; testdata/bad-configuration.txt has what is not.
func TestCronExpressions(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"*/15 * * * *", "0 3 * * 0", "0 3 * * 7", "5/10 0-6/2 1,15 JAN-mar,september MON-FRI", "59 23 31 12 Su", "* * * * fr-7",
	} {
		require.NoError(t, checkCron(text), text)
	}
	for _, text := range []string{
		"", "@every 1h # or so", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "1-2-3 * * * *", "1/2/3 * * * *",
		"-1 * * * *", "1, * * * *", "5/ * * * *", "* * * ja *", "* * * * m", "+-1 * * * *", "* * * * sat-sun",
	} {
		require.Error(t, checkCron(text), text)
	}
}
