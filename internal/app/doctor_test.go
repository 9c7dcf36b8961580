package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDoctorJudgesClocks(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]finding{
		-900 * time.Millisecond: {fine, "clock", "agrees with ours", ""},
		29 * time.Second:        {fine, "clock", "its clock and ours differ by 29s", ""},
		-30 * time.Second:       {doubt, "clock", "its clock and ours differ by 30s, at most 30s is fine", "keep the clock of this machine and of that one by NTP"},
		5 * time.Minute:         {failure, "clock", "its clock and ours differ by 5m0s, at most 30s is fine", "keep the clock of this machine and of that one by NTP"},
	} {
		var f findings
		f.skew("clock", skew)
		require.Equal(t, findings{want}, f)
	}
}

func TestDoctorSaysWhichWebhooksIgnoreTheChannel(t *testing.T) {
	t.Parallel()
	require.Contains(t, ownChannel("https://hooks.slack.com/services/T0/B0/x"), "posts to its own channel")
	require.Empty(t, ownChannel("https://chat.example.com/hooks/x"))
}
