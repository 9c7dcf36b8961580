package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events/eventstest"
)

func TestTheDemoPrintsOutcomesOfALaterVersion(t *testing.T) {
	t.Parallel()
	printed := 0
	for _, l := range eventstest.Later(t, "../../..") {
		var out bytes.Buffer
		(&running{out: &out}).outcome(l.Message)
		if l.Data["finishedAt"] != nil {
			printed++
			require.NotEmpty(t, out.String(), l.Name)
		}
	}
	require.Greater(t, printed, 20)
}
