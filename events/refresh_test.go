package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecordIDsAreNumbersOrStrings(t *testing.T) {
	t.Parallel()
	var ids []RecordID
	require.NoError(t, json.Unmarshal([]byte(`[9007199254740993, "9007199254740993", "0d4a1c5e"]`), &ids))
	require.Equal(t, []RecordID{"9007199254740993", "9007199254740993", "0d4a1c5e"}, ids, "no digit is lost")
	written, err := json.Marshal(ids)
	require.NoError(t, err)
	require.JSONEq(t, `["9007199254740993","9007199254740993","0d4a1c5e"]`, string(written))
	require.Error(t, json.Unmarshal([]byte(`[true]`), &ids))
}

func TestValidatorOfRefreshes(t *testing.T) {
	t.Parallel()
	v := Validator{
		Tenants: []TenantID{"1"}, Entities: []string{"jobs", "job_notes", "trucks", "journal_entries"},
		Refreshes: map[string]Refreshable{
			"jobs": {Numeric: true}, "journal_entries": {},
			"job_notes": {NoIDs: "since: its list takes no ids"}, "trucks": {NoSince: "ids: its list has no filter", Numeric: true},
		},
		Now: time.Date(2026, 11, 30, 18, 0, 0, 0, time.FixedZone("", -3600)),
	}
	for data, want := range map[string]string{
		`"entities":["jobs"],"ids":[1,"2",9223372036854775807]`:                "",
		`"entities":["jobs"],"since":"0001-01-01T00:00:00Z"`:                   "",
		`"entities":["trucks"],"ids":[1]`:                                      "",
		`"entities":["journal_entries"],"ids":["0D4A1C5E-7a0f-4b51"]`:          "",
		`"entities":["job_notes"],"since":"2026-02-11T16:00:00.1234567+02:00"`: "",
		`"entities":["jobs"],"since":"2026-11-30T19:01:00Z"`:                   "", // of a clock that is a minute ahead
		`"entities":["jobs"],"since":"2026-11-30T18:01:00.001-01:00"`:          "since: got \"2026-11-30T18:01:00-01:00\", want a time that is not in the future: it is 2026-11-30T19:00:00Z",
		`"entities":["jobs"],"since":"0000-12-31T23:59:59Z"`:                   `since: got "0000-12-31T23:59:59Z", want a time in the years 1 to 9999, in UTC`,
		`"entities":["jobs"],"since":"0001-01-01T00:30:00+01:00"`:              `since: got "0001-01-01T00:30:00+01:00", want a time in the years 1 to 9999, in UTC`,
		`"entities":["jobs"],"since":"9999-12-31T23:59:59-01:00"`:              `since: got "9999-12-31T23:59:59-01:00", want a time in the years 1 to 9999, in UTC`,
		`"entities":["jobs"],"since":"9999-12-31T23:59:59Z"`:                   "since: got \"9999-12-31T23:59:59Z\", want a time that is not in the future: it is 2026-11-30T19:00:00Z",
		`"entities":["job_notes"],"ids":[1]`:                                   "ids: got ids of job_notes, want since: its list takes no ids",
		`"entities":["trucks"],"since":"2026-02-11T16:00:00Z"`:                 "since: got since of trucks, want ids: its list has no filter",
		`"entities":["jobz"],"ids":[1]`:                                        "entities[0]: got \"jobz\", want a known entity (did you mean jobs?)",
		`"entities":["jobs"],"ids":["1","x",0,-1,"007",9223372036854775808,"1,2",1e3]`: strings.Join([]string{
			`ids[1]: got "x", want an id of jobs: an integer from 1 to 9223372036854775807`,
			`ids[2]: got "0", want an id of jobs: an integer from 1 to 9223372036854775807`,
			`ids[3]: got "-1", want an id of jobs: an integer from 1 to 9223372036854775807`,
			`ids[4]: got "007", want an id of jobs: an integer from 1 to 9223372036854775807`,
			`ids[5]: got "9223372036854775808", want an id of jobs: an integer from 1 to 9223372036854775807`,
			`ids[6]: got "1,2", want an id of jobs: an integer from 1 to 9223372036854775807`,
			`ids[7]: got "1e3", want an id of jobs: an integer from 1 to 9223372036854775807`,
		}, "; "),
		`"entities":["journal_entries"],"ids":["a b","a,b","` + strings.Repeat("x", 101) + `"]`: strings.Join([]string{
			`ids[0]: got "a b", want an id of journal_entries: at most 100 characters, no spaces, commas or control characters`,
			`ids[1]: got "a,b", want an id of journal_entries: at most 100 characters, no spaces, commas or control characters`,
			`ids[2]: got "` + strings.Repeat("x", 80) + `"…, want an id of journal_entries: at most 100 characters, no spaces, commas or control characters`,
		}, "; "),
	} {
		event, err := Decode(Message{Subject: "sync.requested", Data: []byte(`{"mode":"incremental",` + data + `}`), Stream: "SYNC_COMMANDS", Stored: time.Now()})
		require.NoError(t, err)
		_, _, err = v.Request(event)
		if want == "" {
			require.NoError(t, err, data)
			continue
		}
		require.EqualError(t, err, want, data)
	}
}

func TestSplitIDs(t *testing.T) {
	t.Parallel()
	ids, err := SplitIDs([]string{"1, 2,1", "3"})
	require.NoError(t, err)
	require.Equal(t, []RecordID{"1", "2", "3"}, ids)
	_, err = SplitIDs([]string{"1,,2"})
	require.EqualError(t, err, `got "1,,2" with an empty id, want ids of records separated by commas`)
}
