package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestMentionsOfARecordInMessages(t *testing.T) {
	t.Parallel()
	m := ledger.NewMentions("42", map[string][]string{"customers": {"4711001"}, "contacts": {"ab-c.d"}})
	for _, c := range []struct {
		why        string
		data       string
		event      bool // found in a command or event
		deadLetter bool // found in a dead letter
	}{
		{"ids of a refresh", `{"mode":"incremental","entities":["customers"],"ids":["1","4711001"]}`, true, true},
		{"numbers as ids, in an envelope", `{"specversion":"1.0","id":"e","data":{"tenantId":"42","entities":["customers"],"ids":[4711001]}}`, true, true},
		{"the id of a GUID entity", `{"entities":["contacts"],"ids":["ab-c.d"]}`, true, true},
		{"a GUID in upper case", `{"entities":["contacts"],"ids":["AB-C.D"]}`, true, true},
		{"another entity", `{"entities":["jobs"],"ids":["4711001"]}`, false, false},
		{"another tenant", `{"tenantId":"43","entities":["customers"],"ids":["4711001"]}`, false, false},
		{"the id of the other entity", `{"entities":["contacts"],"ids":["4711001"]}`, false, false},
		{"a longer id", `{"entities":["customers"],"ids":["47110011","14711001"]}`, false, false},
		{"a sample of differences", `{"data":{"entities":["customers","jobs"],"results":[{"entity":"jobs"},{"entity":"customers","differences":{"sample":["4711001"]}}]}}`, true, true},
		{"a sample of another entity", `{"entities":["customers","jobs"],"results":[{"entity":"jobs","differences":{"sample":["4711001"]}}]}`, false, false},
		{"a warning", `{"entities":["customers"],"results":[{"entity":"customers","warnings":["record 4711001 has \"x\""]}]}`, true, true},
		{"an error", `{"entities":["customers"],"error":{"entity":"customers","type":"ApiError","message":"record 4711001: bad"}}`, true, true},
		{"a rejection that quotes the id", `{"code":"invalidData","errors":[{"path":"ids[0]","got":"\"4711001\"","want":"x"}]}`, true, true},
		{"a count", `{"entities":["customers"],"results":[{"entity":"customers","fetched":4711001}]}`, false, true},
		{"ids of events", `{"specversion":"1.0","id":"4711001","source":"/4711001","data":{"entities":["customers"],"requests":[{"id":"4711001"}]}}`, false, true},
		{"the id of the envelope", `{"specversion":"1.0","id":"4711001","data":{"entities":["customers"]}}`, false, false},
		{"a misspelt field", `{"entities":["customers"],"idz":["4711001"]}`, false, true},
		{"a misspelt entity", `{"entities":["custmers"],"ids":["4711001"]}`, true, true},
		{"malformed JSON", `{"entities":["customers"],"ids":[4711001`, false, true},
		{"nothing", `{}`, false, false},
	} {
		msg := events.Message{Data: []byte(c.data)}
		require.Equal(t, c.event, m.InMessage(msg, false), c.why)
		require.Equal(t, c.deadLetter, m.InMessage(msg, true), c.why)
	}
}

func TestRedactRemovesARecordFromAResult(t *testing.T) {
	t.Parallel()
	m := ledger.NewMentions("42", map[string][]string{"customers": {"4711001"}})
	result := func(entity string) events.Result {
		return events.Result{
			Entity: entity, Warnings: []string{"record 4711001 has it", "4,711,001 rows"}, Differences: &events.Differences{Missing: 2, Sample: []string{"1", "4711001"}},
			SkippedReason: "because of 4711001", Error: &events.RunError{Message: "4711001"},
		}
	}
	r := result("customers")
	require.True(t, m.Redact(&r))
	require.Equal(t, events.Result{
		Entity: "customers", Warnings: []string{ledger.Redacted, "4,711,001 rows"}, Differences: &events.Differences{Missing: 2, Sample: []string{"1"}},
		SkippedReason: ledger.Redacted, Error: &events.RunError{Message: ledger.Redacted},
	}, r)
	require.False(t, m.Redact(&r), "once")
	other := result("jobs")
	require.False(t, m.Redact(&other))
	require.Equal(t, result("jobs"), other)
	require.True(t, m.RedactError("", &events.RunError{Message: "4711001"}), "an error of no entity")
	require.False(t, m.RedactError("jobs", &events.RunError{Message: "4711001"}))
	require.False(t, m.RedactError("customers", nil))
}

func TestEraseReportSumsUpItsPlaces(t *testing.T) {
	t.Parallel()
	var r ledger.EraseReport
	require.Equal(t, "nothing found", r.Summary())
	r.Add("raw.changes", ledger.EraseDeleted, 0)
	r.Add("SYNC_EVENTS", ledger.EraseDeleted, 1)
	r.Add("raw.sync_runs", ledger.EraseRedacted, 3)
	r.Add("SYNC_EVENTS", ledger.EraseDeleted, 1)
	require.Equal(t, "SYNC_EVENTS 2 deleted, raw.sync_runs 3 redacted", r.Summary())
}
