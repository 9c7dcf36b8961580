package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// maxMessage is the max_payload that lazisync requires of a NATS server, less 16 KiB for the header.
const maxMessage = 944 << 10

// requireFit requires events that NATS takes.
func requireFit(t *testing.T, created []events.Event, err error) {
	t.Helper()
	require.NoError(t, err)
	for _, e := range created {
		encoded, err := events.Encode(e)
		require.NoError(t, err)
		require.Less(t, len(encoded), maxMessage)
		require.NoError(t, events.Check(e))
	}
}

func TestAnOutcomeWithManyWarningsFitsAnEvent(t *testing.T) {
	t.Parallel()
	run := finalized(request(1))
	run.Results[0].Warnings = make([]string, 15_000) // as earlier versions kept them
	for i := range run.Results[0].Warnings {
		run.Results[0].Warnings[i] = fmt.Sprintf("a record is surrounded by characters that are not JSON white space at byte %d", 1000*i)
	}
	before := run.Results[0].Warnings[0]
	created, err := run.OutcomeEvents()
	requireFit(t, created, err)
	data, err := events.Completed.Data(created[0])
	require.NoError(t, err)
	require.Len(t, data.Results[0].Warnings, 2*ledger.MaxWarnings+1)
	require.Equal(t, before, data.Results[0].Warnings[0])
	require.Equal(t, "and 14,960 more warnings", data.Results[0].Warnings[2*ledger.MaxWarnings])
	require.Equal(t, run.Results[1], data.Results[1])
	require.Len(t, run.Results[0].Warnings, 15_000, "the run itself is unchanged")
}

// Identities are as long as they may be, and JSON writes each < as six bytes.
func TestTheLargestOutcomeFitsAnEvent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", 10_000)
	run := ledger.Run{
		Number: 1, TenantID: "42", Mode: events.Verify, WorkflowID: "verify-42", FirstRunID: "r", Pass: 1, State: ledger.Failed,
		StartedAt: time.Now(), FinishedAt: time.Now(), Reason: long, Error: &events.RunError{Type: events.StoreError, Message: long},
	}
	for n := range 400 {
		run.Requests = append(run.Requests, ledger.Request{
			ID: strings.Repeat("f", 20), Source: "/" + strings.Repeat("<", 255), EventID: strings.Repeat("<", 256),
			Channel: fmt.Sprintf("#%d%s", n, strings.Repeat("<", 90)),
		})
	}
	for _, e := range entity.Catalogue {
		run.Entities = append(run.Entities, e.Name)
		result := events.Result{
			Entity: e.Name, Status: events.StatusFailed, SkippedReason: long, Error: run.Error,
			Differences: &events.Differences{Missing: 20}, Warnings: []string{long, long, "short"},
		}
		for range events.SampleSize {
			result.Differences.Sample = append(result.Differences.Sample, strings.Repeat("<", 1000))
		}
		run.Results = append(run.Results, result)
	}
	created, err := run.OutcomeEvents()
	requireFit(t, created, err)
	data, err := events.Failed.Data(created[0])
	require.NoError(t, err)
	require.Equal(t, []string{"and 3 more warnings"}, data.Results[0].Warnings)
	require.EqualValues(t, 20, data.Results[0].Differences.Total())
	require.NotEmpty(t, data.Notify)

	paused, err := run.ControlledEvents(true, 1, time.Now(), long, long)
	requireFit(t, paused, err)
	started, err := run.StartedEvents()
	requireFit(t, started, err)
}

func TestWarningsAreLimited(t *testing.T) {
	t.Parallel()
	var w ledger.Warnings
	require.Nil(t, w.List())
	w = w.Add([]string{"odd", "odd", "even"})
	require.Equal(t, []string{"odd", "even"}, w.List())
	all := make([]string, ledger.MaxWarnings)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	full := w.Add(all)
	require.Equal(t, []string{"odd", "even"}, w.List(), "the receiver is unchanged")
	require.Equal(t, append(append([]string{"odd", "even"}, all[:ledger.MaxWarnings-2]...), "and 2 more warnings"), full.List())
	require.Equal(t, full, full.Add([]string{"odd"}), "it has this one")
	require.EqualValues(t, 3, full.Add([]string{"19"}).More)
	require.Len(t, []rune(w.Add([]string{strings.Repeat("ä", 5000)}).Texts[2]), 1000)
}
