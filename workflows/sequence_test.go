package workflows_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// Sequences per test run, with -short and without.
const (
	shortSequences = 100
	sequences      = 2_000
)

// TestWorkflowSequences carries out random scripts with the real workflows, activities and bridge. A script says what
// happens at which moment: requests, controls, changed records, failing calls, dying workers, long histories. The bridge
// delivers again and reconciles every hour, and after some hours nothing fails any more and paused workflows are
// resumed, until everything is idle. Then the sequence is checked.
//
// The ledger, the event stream, the API and Temporal's list of executions are in memory. One execution runs at a time,
// in Temporal's test environment and in virtual time.
//
// Without -rapid.seed=N the scripts are the same each time. A failure prints the shortest script that still fails, what
// happened, and the seed that repeats it.
// Write it down as a test of its own in sequence_found_test.go.
func TestWorkflowSequences(t *testing.T) {
	checks := sequences
	if testing.Short() {
		checks = 5 * shortSequences // of which rapid carries out a fifth
	}
	setDefault(t, "rapid.checks", fmt.Sprint(checks))
	setDefault(t, "rapid.seed", "1")
	setDefault(t, "rapid.nofailfile", "true")
	rapid.Check(t, func(r *rapid.T) {
		if failure, log := scripts.Draw(r, "script").carryOut(t); failure != "" {
			r.Fatalf("%s\n%s", failure, log)
		} else {
			r.Log(log)
		}
	})
}

// setDefault sets a flag that the command line does not set.
func setDefault(t *testing.T, name, value string) {
	t.Helper()
	isSet := false
	flag.Visit(func(f *flag.Flag) { isSet = isSet || f.Name == name })
	if !isSet {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// carryOut carries out a script. It returns what is wrong, "" for nothing, and what happened.
func (sc script) carryOut(t *testing.T) (failure, log string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		s := newSequence(sc)
		s.becomeIdle()
		s.check()
		failure, log = s.failure, strings.Join(s.log, "\n")
	})
	return failure, log
}
