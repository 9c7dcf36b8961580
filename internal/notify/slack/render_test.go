package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/events/eventstest"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/notifytest"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// notifications are the contents of the golden messages, by file name.
func notifications() map[string][]notify.Notification {
	completed := notifytest.Completed()

	failed := notifytest.Completed()
	failed.Outcome = notify.Failed
	failed.EventID = "run-43/1/com.lazi.sync.failed.v1"
	failed.Run.RunNumber = 43
	failed.Run.Results = []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 25000, Inserted: 10, Updated: 20, Deleted: 3, Unchanged: 24960, Rejected: 7},
			Warnings: []string{`2 records have a value that does not fit column balance, which is NULL there; record 4711 has "<b>"`, "and one more"}},
		{
			Entity: "jobs", Status: events.StatusFailed, Counts: events.Counts{Fetched: 5000, Inserted: 5000},
			Error: &events.RunError{Type: events.APIError, Message: "ServiceTitan answered text/html, want application/json: <h1>Error & more</h1>\nline two"},
		},
	}
	failed.Run.Error = &events.RunError{Type: events.APIError, Entity: "jobs", Message: "<!channel> & <@U123> gave up"}

	repeated := failed
	repeated.EventID = "run-50/1/com.lazi.sync.failed.v1"
	repeated.Run.RunNumber = 50
	repeated.Times, repeated.Since = 7, notifytest.Ended.Add(-time.Hour)

	// The error of the run is that of all its entities.
	same := failed
	same.Run.Results = []events.Result{
		{Entity: "customers", Status: events.StatusFailed, Error: &events.RunError{Type: events.StoreError, Message: "disk full"}},
		{Entity: "jobs", Status: events.StatusFailed, Error: &events.RunError{Type: events.StoreError, Message: "disk full"}},
	}
	same.Run.Error = &events.RunError{Type: events.StoreError, Entity: "customers", Message: "disk full"}

	recovered := notifytest.Completed()
	recovered.Recovered, recovered.FailingSince = 7, notifytest.Ended.Add(-time.Hour)
	recovered.Run.Results = []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 250, Inserted: 240, Rejected: 10}, Warnings: []string{"an unstable list"}},
	}

	cancelled := notifytest.Completed()
	cancelled.Outcome = notify.Cancelled
	cancelled.EventID = "run-44/1/com.lazi.sync.cancelled.v1"
	cancelled.Run.Mode = events.Incremental
	cancelled.Run.WorkflowID = "incremental-sync-1001"
	cancelled.Run.Reason = "pause expired"
	cancelled.At = notifytest.Ended.Add(-27*time.Hour - 30*time.Minute)
	cancelled.Run.Results = []events.Result{
		{Entity: "customers", Status: events.StatusCancelled, Counts: events.Counts{Fetched: 12}},
		{Entity: "jobs", Status: events.StatusSkipped, SkippedReason: "never fully synced: request a full sync first"},
	}

	differing := notifytest.Completed()
	differing.Run.Mode, differing.Run.WorkflowID = events.Verify, "verify-9e6784423b0ef438ec8c"
	differing.Run.Results = []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 25000}, Differences: &events.Differences{Sample: []string{}}},
		{Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 8000}, Differences: &events.Differences{
			Missing: 2, Stale: 1, Damaged: 1200, Sample: []string{"1042", "1077", "<3310>", "4000"},
		}},
	}
	equal := differing
	equal.Run.Results = differing.Run.Results[:1]

	rejected := notifytest.Rejected()
	flood := rejected
	flood.Times, flood.Since = 1234, notifytest.Ended.Add(-time.Hour)

	return map[string][]notify.Notification{
		"completed": {completed}, "failed": {failed}, "repeated": {repeated}, "cancelled": {cancelled},
		"rejected": {rejected}, "flood": {flood}, "same": {same}, "recovered": {recovered}, "differing": {differing}, "equal": {equal},
		"digest": {completed, cancelled, repeated, flood, failed},
	}
}

func TestRenderGolden(t *testing.T) {
	t.Parallel()
	for name, list := range notifications() {
		m := rendered(list...)
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		require.NoError(t, encoder.Encode(m))
		for file, got := range map[string]string{name + ".json": encoded.String(), name + ".txt": m.plain() + "\n"} {
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

// requireAccepted checks the limits of Slack: 3,000 characters of a text, 10 elements, 50
// blocks, and about 12,000 characters of everything together, of which the JSON around
// the texts takes some.
func requireAccepted(t *testing.T, m payload) {
	t.Helper()
	require.NotEmpty(t, m.Text)
	require.LessOrEqual(t, len(m.Text), 3000)
	blocks := m.Attachments[0].Blocks
	require.NotEmpty(t, blocks)
	require.LessOrEqual(t, len(blocks), 50)
	total := len(m.Text)
	for _, b := range blocks {
		texts := b.Elements
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		require.NotEmpty(t, texts)
		require.LessOrEqual(t, len(texts), 10)
		for _, one := range texts {
			require.NotEmpty(t, one.Text)
			require.LessOrEqual(t, len(one.Text), 3000)
			total += len(one.Text)
		}
	}
	require.LessOrEqual(t, total, 10000)
}

// No event leads to a message that Slack rejects for its size.
func TestRenderStaysWithinSlacksLimits(t *testing.T) {
	t.Parallel()
	for _, huge := range []string{strings.Repeat("<&>é\n", 4000), strings.Repeat("x", 20000), strings.Repeat(`"\`, 10000)} {
		n := notifytest.Completed()
		n.Outcome, n.EventID, n.Run.WorkflowID, n.Run.RunID, n.Run.TenantID, n.Run.Reason = notify.Failed, huge, huge, huge, events.TenantID(huge), huge
		n.Run.Error = &events.RunError{Type: events.StoreError, Message: huge, Entity: huge}
		n.Run.Results = nil
		for i := range 400 {
			status := []events.Status{events.StatusCompleted, events.StatusSkipped, events.StatusFailed}[i%3]
			n.Run.Results = append(n.Run.Results, events.Result{
				Entity: fmt.Sprintf("entity_%d", i), Status: status, Counts: events.Counts{Fetched: 1 << 60, Inserted: 1 << 60}, SkippedReason: huge,
				Error: &events.RunError{Type: events.APIError, Message: huge},
			})
		}
		m := rendered(n)
		requireAccepted(t, m)
		require.Contains(t, m.plain(), "… and ")
		require.Contains(t, m.plain(), "entity_2 failed after", "failures come first")
		require.NotContains(t, m.plain(), "entity_0 ")

		cancelled, command := n, n
		cancelled.Outcome, command.Outcome = notify.Cancelled, notify.Rejected
		command.Command = notifytest.Rejected().Command
		command.Command.Subject, command.Command.Reason, command.Command.Event = huge, huge, &events.EventRef{Source: huge, ID: huge}
		requireAccepted(t, rendered(cancelled))
		requireAccepted(t, rendered(command))
		digest := rendered(slices.Repeat([]notify.Notification{n, cancelled, command}, 40)...)
		requireAccepted(t, digest)
		require.Contains(t, digest.plain(), "… and ")
	}
}

func TestRenderListsChangedEntitiesFirst(t *testing.T) {
	t.Parallel()
	n := notifytest.Completed()
	n.Run.Results = nil
	for i := range 190 {
		r := events.Result{Entity: fmt.Sprintf("entity_%d", i), Status: events.StatusCompleted, Counts: events.Counts{Fetched: 25000, Unchanged: 25000}}
		if i%10 == 9 {
			r.Inserted = 20
		}
		n.Run.Results = append(n.Run.Results, r)
	}
	plain := rendered(n).plain()
	require.Contains(t, plain, "entity_189 25,000 read, 20 inserted")
	require.Less(t, strings.Index(plain, "entity_189 "), strings.Index(plain, "entity_0 "))
	require.Regexp(t, `… and \d+ entities more`, plain)
}

func TestRenderNamesTheRunWithoutALink(t *testing.T) {
	t.Parallel()
	require.Contains(t, render(one(), "", notifytest.Ended).plain(), "Run 42 ")
	withoutRun := notifytest.Completed()
	withoutRun.Run.RunNumber = 0
	require.NotContains(t, rendered(withoutRun).plain(), "Run")
	malicious := notifytest.Completed()
	malicious.Run.WorkflowID = "x|click here><!channel>&"
	require.Contains(t, rendered(malicious).Attachments[0].Blocks[0].Text.Text,
		"*Run* <https://temporal.example.com/x%7Cclick%20here%3E%3C%21channel%3E&amp;/r1?a=1&amp;run=42|42>")
}

func TestRenderNamesAModeOfALaterVersion(t *testing.T) {
	t.Parallel()
	n := notifytest.Completed()
	n.Run.Mode = "audit"
	require.Equal(t, "Sync (audit) completed: 100,001 records in 2 min 14 s", rendered(n).Text)
}

func TestRenderEventsOfALaterVersion(t *testing.T) {
	t.Parallel()
	for _, l := range eventstest.Later(t, "../../..") {
		var posts atomic.Int64
		s := newSender(t, Options{URL: notifytest.Webhook(t, func(http.ResponseWriter, *http.Request) { posts.Add(1) })})
		d := &notifytest.Delivery{Message: l.Message}
		n := notify.New(notify.Options{Sender: s, Alerts: "#ops", Logger: zerolog.Nop(), Now: func() time.Time { return notifytest.Ended }})
		require.NoError(t, n.Handle(t.Context(), []notify.Delivery{d}), l.Name)
		require.Equal(t, []string{"ack"}, d.Settled, l.Name)
		if to, _ := l.Data["notify"].([]any); len(to) > 0 {
			require.EqualValues(t, len(to), posts.Load(), l.Name)
		}
	}
}
