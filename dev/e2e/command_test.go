package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

func TestRequestWaitsAndExitsWithTheOutcome(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")

	done := w.run(t, "request", "full", "--wait", "--json")
	require.Zero(t, done.code, done.errors)
	var kinds []string
	for lines := bufio.NewScanner(strings.NewReader(done.out)); lines.Scan(); {
		var line struct {
			Event string
			Data  json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		require.NotEmpty(t, line.Data)
		kinds = append(kinds, line.Event)
	}
	require.ElementsMatch(t, []string{"accepted", "started"}, kinds[:2], "the worker may start before the bridge has published its answer")
	require.Equal(t, "completed", kinds[len(kinds)-1])

	misspelt := w.run(t, "request", "full", "--entities", "custmers", "--wait")
	require.Equal(t, 2, misspelt.code, misspelt.errors)
	require.Contains(t, misspelt.errors, "did you mean customers?")
	refused := w.run(t, "request", "full", "--entities", "customers, jobs", "--tenant", "1", "--wait")
	require.Equal(t, 2, refused.code, refused.out)
	require.Contains(t, refused.errors, `tenantId: got "1", want `)

	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "jobs", Count: -1}))
	failed := w.run(t, "request", "full", "--entities", "jobs,invoices", "--wait")
	require.Equal(t, 1, failed.code, failed.out)
	require.Regexp(t, `jobs +failed.*PermissionError`, failed.out)
	require.Regexp(t, `invoices +completed`, failed.out)

	skipped := w.run(t, "request", "incremental", "--entities", "customers, locations", "--wait")
	require.Equal(t, 5, skipped.code, skipped.out)
	require.Regexp(t, `completed +run \d+ in .*, 1 of 2 entities skipped`, skipped.out)
	require.Regexp(t, `locations +skipped +\S+`, skipped.out)

	unasked := w.run(t, "request", "incremental")
	require.Zero(t, unasked.code)
	require.Regexp(t, `^requested [0-9a-f]{20}\n$`, unasked.out)
}

// Each repetition has an answer with the outcome of the first request.
func TestRepeatedRequestReportsTheFirstOutcome(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.start(t, "serve")
	for _, want := range []string{"completed", "duplicate", "duplicate"} {
		requested := w.run(t, "request", "full", "--entities", "jobs", "--id", "nightly", "--wait")
		require.Zero(t, requested.code, requested.errors)
		require.Contains(t, requested.out, want)
	}
	other := w.run(t, "request", "full", "--entities", "invoices", "--id", "nightly", "--wait")
	require.Equal(t, 4, other.code, other.out)
	require.Contains(t, other.out, `conflict: id: got "nightly", already used with different data`)
	require.Contains(t, other.out, "lazisync deadletter show 1")
	for range 2 {
		skipped := w.run(t, "request", "incremental", "--entities", "locations", "--id", "places", "--wait")
		require.Equal(t, 5, skipped.code, skipped.out+skipped.errors)
		require.Contains(t, skipped.out, "locations")
	}

	unknown := w.run(t, "cancel", "00000000000000000000")
	require.Equal(t, 4, unknown.code, unknown.out+unknown.errors)
	require.Contains(t, unknown.out, "no request with this id arrived within")
}

func TestRequestWithoutABridgeTimesOut(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	requested := w.begin(t, "request", "full", "--wait")
	require.Eventually(t, func() bool { return strings.Contains(requested.out.String(), "no bridge has answered it yet") }, waitLimit, tick)
	require.NoError(t, requested.cmd.Process.Signal(os.Interrupt))
	ended := requested.wait(t)
	require.Equal(t, 130, ended.code, "it did not fail")
	require.Contains(t, ended.errors, "continues in the background")
}

func TestStatusShowsRunsAndFreshness(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	empty := w.run(t, "status")
	require.Zero(t, empty.code, empty.errors)
	require.Contains(t, empty.out, "No runs yet")
	w.start(t, "serve")
	outcome := w.full(t)

	text := w.run(t, "status")
	require.Zero(t, text.code, text.errors)
	require.Regexp(t, `1 +full +completed +\d+ s ago .* 1,200 +1,200 .* customers, jobs, invoices, estimates\n`, text.out)
	require.Regexp(t, w.tenant+` +customers +completed +\d+ s +300 +\d+ s ago +never`, text.out)

	listed := w.run(t, "runs", "ls", "--state", "completed", "--mode", "full", "--entity", "jobs", "--since", "1h")
	require.Zero(t, listed.code, listed.errors)
	require.Regexp(t, `(?m)^1 +full +completed `, listed.out)
	require.Equal(t, "No run matches.\n", w.run(t, "runs", "ls", "--before", "1").out)
	shown := w.run(t, "runs", "show", "1")
	require.Zero(t, shown.code, shown.errors)
	require.Regexp(t, `^Run 1: full sync of tenant `+w.tenant+`, completed\n(.*\n)+  workflow +full-sync-(.*\n)+jobs +completed .* 300 `, shown.out)
	unknown := w.run(t, "runs", "show", "7")
	require.Equal(t, 1, unknown.code)
	require.Contains(t, unknown.errors, "run 7 does not exist; lazisync runs ls lists the runs")

	asJSON := w.run(t, "status", "--json")
	require.Zero(t, asJSON.code, asJSON.errors)
	var status struct {
		Runs []struct {
			RunNumber  int64
			State      string
			WorkflowID string
		}
		States []struct {
			Entity       string
			Records      int64
			LastFullSync string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(asJSON.out), &status))
	require.Len(t, status.Runs, 1)
	require.Equal(t, outcome.RunNumber, status.Runs[0].RunNumber)
	require.Equal(t, "completed", status.Runs[0].State)
	require.Len(t, status.States, 4)
	for _, state := range status.States {
		require.NotEmpty(t, state.LastFullSync, state.Entity)
	}
}
