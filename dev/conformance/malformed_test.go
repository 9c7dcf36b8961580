package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// readWithRetries reads an entity as Temporal does: it retries after each failure, at most attempts
// times.
func (p *pipeline) readWithRetries(run ledger.Run, name string, maxCallsWithin int) (attempts int) {
	p.Helper()
	for {
		attempts++
		result, err := p.slice(p.Context(), run, name)
		if err != nil {
			require.Less(p, attempts, maxCallsWithin, "%v", err)
			continue
		}
		if result.Status != "" {
			return attempts
		}
	}
}

// TestMalformedRecordDoesNotStopASync: a page whose first record is not JSON in any response costs
// that record and no other. A full and an incremental sync continue after it.
func TestMalformedRecordDoesNotStopASync(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "customers", "campaigns")...)
	for on, name := range map[string]string{"export": "customers", "list": "campaigns"} {
		for _, value := range []string{"NaN", "-Infinity", "007", "\"a\x02b\"", `"\x"`, `"5" pipe"`, "tru", "", "1,,2"} {
			t.Run(fmt.Sprintf("%s %q", on, value), func(t *testing.T) {
				t.Parallel()
				p := newPipeline(t, db, simulator.Options{}, name)
				fault := simulator.Fault{Kind: "malformedRecord", Value: value, Entity: name, On: on, Skip: 1, Count: 3}
				if value == "" {
					fault.Value = "undefined"
				}
				p.addFault(fault)
				run := p.begin(events.Full, false, name)
				require.Equal(t, 3, p.readWithRetries(run, name, 4))
				result := p.finalize(run).Results[0]
				require.Equal(t, events.StatusCompleted, result.Status)
				require.Equal(t, int64(records-1), result.Inserted)
				require.Equal(t, int64(1), result.Rejected)
				require.Zero(t, result.Deleted)
				kept := rejectedBytes(p, run, name)
				require.Contains(t, kept, `,"spoilt":`+fault.Value+`}`)
				require.True(t, strings.HasPrefix(kept, `{"id":`), kept)
				require.Len(t, p.differentKeys(name), 1)

				p.requireSync(events.Full, name)
				p.requireEqual(name)
			})
		}
	}
}

// rejectedBytes returns the bytes of the record that a run rejected.
func rejectedBytes(p *pipeline, run ledger.Run, name string) string {
	p.Helper()
	return string(value[[]byte](p, "select bytes from raw.rejected_records where run_number = $1 and table_name = $2 and reason like 'record is not JSON: %of the page'",
		run.Number, "raw.st_"+name))
}

// A malformed record does not stop later incremental syncs.
func TestMalformedRecordDoesNotStopIncrementals(t *testing.T) {
	t.Parallel()
	name := "customers"
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, name)...), simulator.Options{}, name)
	p.requireSync(events.Full, name)
	id, err := p.RandomID(name)
	require.NoError(t, err)
	require.NoError(t, p.Update(name, id))
	p.addFault(simulator.Fault{Kind: "malformedRecord", Entity: name, On: "export", Count: 3})
	p.clock.Advance(20 * time.Minute)
	run := p.begin(events.Incremental, false, name)
	require.Equal(t, 3, p.readWithRetries(run, name, 4))
	result := p.finalize(run).Results[0]
	require.Equal(t, events.StatusCompleted, result.Status)
	require.Equal(t, int64(1), result.Rejected)
	require.NoError(t, p.Update(name, id))
	require.Equal(t, int64(1), p.requireSync(events.Incremental, name).Updated)
	p.requireEqual(name)
}

// TestMalformedEnvelopeIsAWarning: damage outside the records costs a warning.
func TestMalformedEnvelopeIsAWarning(t *testing.T) {
	t.Parallel()
	name := "customers"
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, name)...), simulator.Options{}, name)
	p.addFault(simulator.Fault{Kind: "malformedPage", Entity: name, On: "export", Skip: 1, Count: 3})
	run := p.begin(events.Full, false, name)
	require.Equal(t, 3, p.readWithRetries(run, name, 4))
	result := p.finalize(run).Results[0]
	require.Equal(t, []string{"field spoilt of the page is not JSON: NaN at byte 10 of the response"}, result.Warnings)
	p.requireEqual(name)
}

// TestRepeatingFeedIsAbortedAndResumed: a feed that returns the same page with new tokens is
// aborted, and the next sync continues there after the feed works again.
func TestRepeatingFeedIsAbortedAndResumed(t *testing.T) {
	t.Parallel()
	name := "customers"
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, name)...), simulator.Options{}, name)
	p.requireSync(events.Full, name)
	id, err := p.RandomID(name)
	require.NoError(t, err)
	for _, mode := range []events.Mode{events.Full, events.Incremental} {
		require.NoError(t, p.Update(name, id))
		before := p.Stats().Entities[name].ExportCalls
		p.addFault(simulator.Fault{Kind: "freshTokens", Entity: name, On: "export", Count: -1})
		failed := p.sync(mode, name)
		require.Equal(t, events.StatusFailed, failed.Status)
		require.Equal(t, events.APIError, failed.Error.Type)
		require.Contains(t, failed.Error.Message, "the feed repeats itself under new tokens")
		require.Less(t, p.Stats().Entities[name].ExportCalls-before, 40)
		p.ClearFaults()
		p.requireSync(events.Incremental, name)
		p.requireEqual(name)
	}
}

// TestOneUnexpectedStatusIsRetried: any single status, of the API or of a proxy, costs one attempt.
func TestOneUnexpectedStatusIsRetried(t *testing.T) {
	t.Parallel()
	name := "customers"
	db := newDatabase(t, entitiesNamed(t, name)...)
	for _, kind := range []string{"204", "400", "403", "404", "409", "410", "412", "421", "423", "425", "451", "499", "500"} {
		for _, foreign := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s foreign %v", kind, foreign), func(t *testing.T) {
				t.Parallel()
				p := newPipeline(t, db, simulator.Options{}, name)
				p.addFault(simulator.Fault{Kind: kind, Foreign: foreign, Entity: name, On: "export", Skip: 1})
				run := p.begin(events.Full, false, name)
				attempts := p.readWithRetries(run, name, 3)
				if kind == "204" {
					require.Equal(t, 1, attempts, "the client asks again by itself")
				}
				require.Equal(t, int64(records), p.finalize(run).Results[0].Inserted)
				p.requireEqual(name)
			})
		}
	}
}

// A byte order mark before every page has no effect.
func TestByteOrderMarksAreIgnored(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, "customers", "campaigns")...), simulator.Options{}, "customers", "campaigns")
	p.addFault(simulator.Fault{Kind: "byteOrderMark", Count: -1})
	for _, name := range []string{"customers", "campaigns"} {
		p.requireSync(events.Full, name)
		p.requireEqual(name)
	}
}
