package e2e

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// newField is a line of `lazisync entities --drift --json`.
type newField struct {
	TenantID, Entity, Field string
	RunNumber               int64
}

func (w *fixture) newFields(t *testing.T) (list []newField) {
	t.Helper()
	printed := w.run(t, "entities", "--drift", "--json")
	require.Zero(t, printed.code, printed.errors)
	require.NoError(t, json.Unmarshal([]byte(printed.out), &list), printed.out)
	documented, err := os.ReadFile("../../docs/commands.md")
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal([]byte(printed.out), &value))
	requireNamesDocumented(t, "entities --drift", string(documented), value, 0)
	return list
}

// reported counts what processes have logged and counted of new fields of customers.
func (w *fixture) reported(t *testing.T, workers []*process) (lines []string, metric int) {
	t.Helper()
	series := regexp.MustCompile(`(?m)^lazisync_new_fields_total\{entity="customers",tenant="` + w.tenant + `"\} (\d+)$`)
	for _, p := range workers {
		for _, line := range p.log.Lines() {
			if strings.Contains(line, "new field") {
				lines = append(lines, line)
			}
		}
		found := series.FindStringSubmatch(p.metrics(t))
		require.NotNil(t, found, "the series exists from the start")
		n, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		metric += n
	}
	return lines, metric
}

// ServiceTitan adds a field. A full sync and a verify that read it at once, in two workers, report it once:
// in the outcome of one, in the log of one, in the metric of one. No later sync does.
func TestANewFieldIsReportedOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 200, ExportPageSize: 20}})
	w.start(t, "bridge")
	workers := []*process{w.start(t, "worker"), w.start(t, "worker")}
	for _, r := range w.full(t).Results {
		require.Empty(t, r.Warnings)
	}
	require.Empty(t, w.newFields(t))
	require.Contains(t, w.run(t, "entities", "--drift").out, "No new fields.")

	require.NoError(t, w.stack.Simulator.AddField("customers", "loyaltyTier", `{"name":"gold","since":"2026-01-01"}`))
	var warnings []string
	var seenBy int64
	for _, id := range []string{
		w.request(t, `{"mode":"full","entities":["customers"]}`), w.request(t, `{"mode":"verify","entities":["customers"]}`),
	} {
		outcome := w.completed(t, id)
		warnings = append(warnings, outcome.Results[0].Warnings...)
		if len(outcome.Results[0].Warnings) > 0 {
			seenBy = outcome.RunNumber
		}
	}
	require.Equal(t, []string{"new field, which no record had before: loyaltyTier"}, warnings)
	want := []newField{{w.tenant, "customers", "loyaltyTier", seenBy}}
	require.Equal(t, want, w.newFields(t))
	require.Regexp(t, `(?m)^customers  loyaltyTier  20\d\d-.* `+strconv.FormatInt(seenBy, 10)+`$`, w.run(t, "entities", "--drift").out)
	lines, metric := w.reported(t, workers)
	require.Len(t, lines, 1, "%q", lines)
	require.Contains(t, lines[0], `"field":"loyaltyTier"`)
	require.Equal(t, 1, metric)

	_, err := w.stack.Simulator.Create("customers")
	require.NoError(t, err)
	for _, mode := range []events.Mode{events.Incremental, events.Full} {
		outcome := w.completed(t, w.request(t, `{"mode":"`+string(mode)+`","entities":["customers"]}`))
		require.Empty(t, outcome.Results[0].Warnings)
	}
	require.Equal(t, want, w.newFields(t))
	lines, metric = w.reported(t, workers)
	require.Len(t, lines, 1, "%q", lines)
	require.Equal(t, 1, metric)
	w.requireEqual(t)
}
