package notify

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func notifications() map[string]Notification {
	completed := sample()

	failed := sample()
	failed.Outcome = Failed
	failed.EventID = "43/com.lazi.sync.failed.v1"
	failed.Data.RunNumber = 43
	failed.Data.Results = []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Fetched: 25000, Inserted: 10, Updated: 20, Deleted: 3, Unchanged: 24960, Rejected: 7,
			Warnings: []string{`2 records hold what does not fit column balance, which is NULL there; record 4711 has "<b>"`, "and one more"}},
		{
			Entity: "jobs", Status: events.StatusFailed, Fetched: 5000, Inserted: 5000,
			Error: &events.RunError{Type: events.APIError, Message: "ServiceTitan answered text/html, want application/json: <h1>Error & more</h1>\nline two"},
		},
	}
	failed.Data.Error = &events.RunError{Type: events.APIError, Entity: "jobs", Message: "<!channel> & <@U123> gave up"}

	cancelled := sample()
	cancelled.Outcome = Cancelled
	cancelled.EventID = "44/com.lazi.sync.cancelled.v1"
	cancelled.Data.Mode = events.Incremental
	cancelled.Data.WorkflowID = "incremental-sync-1001"
	cancelled.Data.Reason = "pause expired"
	cancelled.Age = 27*time.Hour + 30*time.Minute
	cancelled.Data.Results = []events.Result{
		{Entity: "customers", Status: events.StatusCancelled, Fetched: 12},
		{Entity: "jobs", Status: events.StatusSkipped, SkippedReason: "never fully synced: request a full sync first"},
	}
	return map[string]Notification{"completed": completed, "failed": failed, "cancelled": cancelled}
}

func TestRenderGolden(t *testing.T) {
	t.Parallel()
	for name, n := range notifications() {
		m := render(n)
		encoded, err := json.MarshalIndent(m, "", "  ")
		require.NoError(t, err)
		for file, got := range map[string]string{name + ".json": string(encoded) + "\n", name + ".txt": m.plain() + "\n"} {
			path := filepath.Join("testdata", file)
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got, path)
		}
	}
}

// Whatever an event holds, Slack takes the message.
func TestRenderStaysWithinSlacksLimits(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("<&>é\n", 40000)
	n := sample()
	n.EventID, n.Data.WorkflowID, n.Data.TenantID, n.Data.Reason = huge, huge, huge, huge
	n.Data.Error = &events.RunError{Type: events.StoreError, Message: huge, Entity: huge}
	n.Data.Results = nil
	for i := range 400 {
		status := []events.Status{events.StatusCompleted, events.StatusSkipped, events.StatusFailed}[i%3]
		n.Data.Results = append(n.Data.Results, events.Result{
			Entity: fmt.Sprintf("entity_%d", i), Status: status, Fetched: 1 << 60, Inserted: 1 << 60, SkippedReason: huge,
			Error: &events.RunError{Type: events.APIError, Message: huge},
		})
	}
	m := render(n)
	total := 0
	for _, b := range m.Attachments[0].Blocks {
		if b.Text != nil {
			require.LessOrEqual(t, len(b.Text.Text), sectionLimit)
			total += len(b.Text.Text)
		}
	}
	require.LessOrEqual(t, total, 4*sectionLimit+2*sectionLimit)
	require.LessOrEqual(t, len(m.Attachments[0].Blocks), 50)
	require.Contains(t, m.plain(), "… and ")
	require.Contains(t, m.plain(), "entity_2 failed after", "trouble comes first")
	require.NotContains(t, m.plain(), "entity_0 ")
}

func TestRenderListsAUsualCatalogueCompletely(t *testing.T) {
	t.Parallel()
	n := sample()
	n.Data.Results = nil
	for i := range 190 {
		n.Data.Results = append(n.Data.Results, events.Result{
			Entity: fmt.Sprintf("entity_%d", i), Status: events.StatusCompleted, Fetched: 25000, Inserted: 20, Unchanged: 24980,
		})
	}
	plain := render(n).plain()
	require.Contains(t, plain, "entity_0 25,000 read")
	require.Contains(t, plain, "entity_150 25,000 read")
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 10, ""},
		{"exactly 10", 10, "exactly 10"},
		{"eleven char", 10, "eleven …"[:7] + "…"},
		{"a<b&c>d", 100, "a&lt;b&amp;c&gt;d"},
		{"abc<", 7, "abc&lt;"},
		{"abc<d", 7, "abc…"},
		{"ééééé", 8, "éé…"},
		{"bad \xff byte", 100, "bad \uFFFD byte"},
	} {
		got := clip(c.in, c.limit)
		require.Equal(t, c.want, got)
		require.LessOrEqual(t, len(got), c.limit)
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", 1 << 62: "4,611,686,018,427,387,904",
	} {
		require.Equal(t, want, thousands(n))
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0 s", 0: "0.0 s", 9876 * time.Millisecond: "9.9 s", 59900 * time.Millisecond: "59 s",
		134 * time.Second: "2 min 14 s", 3 * time.Hour: "3 h 0 min", 50 * time.Hour: "2 d 2 h",
	} {
		require.Equal(t, want, duration(d))
	}
	require.Equal(t, "1 entity", count(1, "entity"))
	require.Equal(t, "2 entities", count(2, "entity"))
	require.Equal(t, "0 records", count(0, "record"))
}
