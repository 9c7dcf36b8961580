package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// logLine is one line of a log.
type logLine map[string]any

func (l logLine) text(key string) string {
	s, _ := l[key].(string)
	return s
}

func parseLog(t *testing.T, log string) (lines []logLine) {
	t.Helper()
	for text := range strings.Lines(log) {
		var line logLine
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		lines = append(lines, line)
	}
	return lines
}

// withMessage returns the lines about a run, and about an entity unless it is "".
func withMessage(lines []logLine, run int64, entity string, messages ...string) (found []logLine) {
	for _, l := range lines {
		if slices.Contains(messages, l.text("message")) && l["run"] == float64(run) && l.text("entity") == entity {
			found = append(found, l)
		}
	}
	return found
}

var (
	runEnds    = []string{"run completed", "run failed", "run cancelled"}
	entityEnds = []string{"entity completed", "entity failed", "entity skipped", "entity cancelled"}
)

func TestTheLogOfADayHasEveryRunAndEntityOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 2000, ExportPageSize: 100}})
	serve := w.start(t, "serve", "SYNC_FRESHNESS=1h")
	w.full(t)
	w.completed(t, w.request(t, `{"mode":"incremental"}`))
	quiet := parseLog(t, serve.log.String())

	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "jobs", Count: -1}))
	failed := w.outcome(t, "sync.failed", w.request(t, `{"mode":"incremental"}`))
	w.stack.Simulator.ClearFaults()

	w.stack.Simulator.SetPace(pageTime)
	paused := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, w.total()+8)
	w.control(t, `{"action":"pause","requestId":"`+paused+`","reason":"month-end","actor":"ana"}`)
	await(t, w, "sync.paused", func(d events.ControlledData) bool { return names(d.RunData, paused) })
	w.stack.Simulator.SetPace(0)
	w.control(t, `{"action":"resume","requestId":"`+paused+`"}`)
	w.completed(t, paused)

	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "503", Count: -1}))
	during := w.request(t, `{"mode":"incremental"}`)
	require.Eventually(t, func() bool { return serve.log.Count("ServiceTitan unavailable") > 0 }, waitLimit, tick)
	w.stack.Simulator.ClearFaults()
	w.completed(t, during)

	w.stack.Simulator.SetPace(pageTime)
	interrupted := w.request(t, `{"mode":"full"}`)
	w.awaitPages(t, w.total()+8)
	serve.stop(t)
	w.stack.Simulator.SetPace(0)
	second := w.start(t, "serve", "SYNC_FRESHNESS=1h")
	w.completed(t, interrupted)
	require.Eventually(t, func() bool { return second.log.Count("run completed") > 0 }, waitLimit, tick)
	lines := append(parseLog(t, serve.log.String()), parseLog(t, second.log.String())...)

	runs, err := w.store.Runs(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, runs, 6)
	for _, run := range runs {
		requireRunInLog(t, lines, run)
	}
	jobs := withMessage(lines, failed.RunNumber, "jobs", "entity failed")
	require.Len(t, jobs, 1)
	require.Equal(t, "PermissionError", jobs[0].text("error_type"))
	require.NotEmpty(t, jobs[0].text("error"))
	for message, want := range map[string]int{
		"run paused": 1, "run resumed": 1, "ServiceTitan unavailable, retrying": 1, "ServiceTitan available again": 1,
		"started": 2, "stopped": 1, "worker started": 2,
	} {
		require.Len(t, slices.DeleteFunc(slices.Clone(lines), func(l logLine) bool { return l.text("message") != message }), want, message)
	}
	requireDocumented(t, lines)
	requireQueriesAnswered(t, second.admin+"/metrics")
	began := slices.IndexFunc(quiet, func(l logLine) bool { return l.text("message") == "run started" })
	for _, l := range quiet[began:] { // at first the role is not ready
		require.Equal(t, "info", l.text("level"), "a quiet day: %v", l)
		require.NotContains(t, l, "error", "a quiet day")
	}
}

// requireRunInLog requires the start and the end of a run and of each of its entities, once,
// by the documented keys.
func requireRunInLog(t *testing.T, lines []logLine, run ledger.Run) {
	t.Helper()
	ends := withMessage(lines, run.Number, "", runEnds...)
	require.Len(t, withMessage(lines, run.Number, "", "run started"), 1, "run %d", run.Number)
	require.Len(t, ends, 1, "run %d", run.Number)
	require.Equal(t, "run "+string(run.State), ends[0].text("message"))
	for _, l := range append(ends, withMessage(lines, run.Number, "", "run started")...) {
		require.EqualValues(t, run.TenantID, l.text("tenant"))
		require.Equal(t, string(run.Mode), l.text("mode"))
		require.Equal(t, run.WorkflowID, l.text("workflow_id"))
		require.NotEmpty(t, l.text("request_id"))
	}
	require.Equal(t, run.State == ledger.Failed, ends[0]["error"] != nil)
	require.Equal(t, float64(run.FinishedAt.Sub(run.StartedAt).Milliseconds()), ends[0]["duration_ms"])
	for _, r := range run.Results {
		started, ended := withMessage(lines, run.Number, r.Entity, "entity started"), withMessage(lines, run.Number, r.Entity, entityEnds...)
		require.Len(t, started, 1, "run %d, %s", run.Number, r.Entity)
		require.Len(t, ended, 1, "run %d, %s", run.Number, r.Entity)
		require.Equal(t, "entity "+string(r.Status), ended[0].text("message"))
		require.Equal(t, float64(r.Fetched), ended[0]["fetched"])
		require.Equal(t, float64(r.Pages), ended[0]["pages"])
		require.Equal(t, run.WorkflowID, ended[0].text("workflow_id"))
		require.Contains(t, ended[0], "duration_ms")
	}
}

var (
	documentedMessage = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (\\w+) \\|([^|]*)\\|")
	documentedKey     = regexp.MustCompile("`([a-z_]+)`")
)

// requireDocumented requires that docs/observability.md has each message with its level and
// its keys.
func requireDocumented(t *testing.T, lines []logLine) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	require.NoError(t, err)
	type documented struct {
		level string
		keys  []string
	}
	messages := map[string]documented{}
	for _, row := range documentedMessage.FindAllStringSubmatch(string(text), -1) {
		d := documented{level: row[2], keys: []string{"level", "time", "message", "role"}}
		for _, key := range documentedKey.FindAllStringSubmatch(row[3], -1) {
			d.keys = append(d.keys, key[1])
		}
		messages[row[1]] = d
	}
	for _, l := range lines {
		d, found := messages[l.text("message")]
		require.True(t, found, "docs/observability.md lacks %v", l)
		require.Equal(t, d.level, l.text("level"), "%v", l)
		for key := range l {
			require.Contains(t, d.keys, key, "%v", l)
		}
	}
}
