package doctor

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/ledger"
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

func TestFreshness(t *testing.T) {
	t.Parallel()
	fresh := ledger.Freshness{TenantID: "1001", Entity: "customers", Age: time.Minute, Target: time.Hour}
	stale := ledger.Freshness{TenantID: "1001", Entity: "jobs", Age: 2*time.Hour + time.Millisecond, Target: time.Hour, Stale: true}
	const fix = "see the likely cause in lazisync status, and Freshness in docs/operations.md"
	for name, c := range map[string]struct {
		ages []ledger.Freshness
		want Finding
	}{
		"none evaluated": {[]ledger.Freshness{{TenantID: "1001", Entity: "customers", Age: time.Hour}}, Finding{OK, "freshness", "no entity is evaluated", ""}},
		"fresh":          {[]ledger.Freshness{fresh}, Finding{OK, "freshness", "none of 1 entities is stale", ""}},
		"stale":          {[]ledger.Freshness{fresh, stale}, Finding{Warning, "freshness", "older than SYNC_FRESHNESS allows: tenant 1001: jobs 2h0m0s of 1h0m0s", fix}},
		"many stale": {[]ledger.Freshness{stale, stale, stale, stale, stale}, Finding{Warning, "freshness", "older than SYNC_FRESHNESS allows: " +
			"tenant 1001: jobs 2h0m0s of 1h0m0s, tenant 1001: jobs 2h0m0s of 1h0m0s, tenant 1001: jobs 2h0m0s of 1h0m0s, tenant 1001: jobs 2h0m0s of 1h0m0s and 1 more", fix}},
	} {
		var f findings
		f.freshness(c.ages)
		require.Equal(t, findings{c.want}, f, name)
	}
}
