package doctor

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSkew(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]Finding{
		-900 * time.Millisecond: {OK, "clock", "agrees with ours", ""},
		29 * time.Second:        {OK, "clock", "differs from ours by 29s", ""},
		-30 * time.Second:       {Warning, "clock", "differs from ours by 30s, want less than 30s", "synchronize both clocks with NTP"},
		5 * time.Minute:         {Failure, "clock", "differs from ours by 5m0s, want less than 30s", "synchronize both clocks with NTP"},
	} {
		var f findings
		f.skew("clock", skew)
		require.Equal(t, findings{want}, f)
	}
}

func TestChannelNote(t *testing.T) {
	t.Parallel()
	require.Contains(t, channelNote("https://hooks.slack.com/services/T0/B0/x"), "posts to its own channel only")
	require.Empty(t, channelNote("https://chat.example.com/hooks/x"))
}

func TestFindingsAsJSONHaveTheDeprecatedNamesToo(t *testing.T) {
	t.Parallel()
	var f findings
	f.ok("NATS", "connected")
	f.fail("run lazisync migrate", "streams", "missing")
	var out bytes.Buffer
	require.NoError(t, printFindings(&out, f, true))
	require.JSONEq(t, `[
		{"status": "ok", "check": "NATS", "detail": "connected", "verdict": "ok"},
		{"status": "FAIL", "check": "streams", "detail": "missing", "fix": "run lazisync migrate", "verdict": "FAIL", "mend": "run lazisync migrate"}
	]`, out.String())
}
