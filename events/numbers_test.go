package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The validator compares numbers exactly: huge ones took seconds, or ended the process.
func TestHugeNumbersAreInvalidData(t *testing.T) {
	t.Parallel()
	others := strings.Repeat(",1", 20)
	for data, want := range map[string]string{
		`{"mode":"full","entities":[1e9999999` + others + `]}`: "entities[0]: got 1e9999999, want a number of at most 40 characters, below 1e308",
		`{"mode":"full","entities":["jobs",-1E-400]}`:          "entities[1]: got -1E-400, want a number of at most 40 characters, below 1e308",
		`{"mode":"full","extra":{"a":[0,{"b":1e+309}]}}`:       "extra.a[1].b: got 1e+309, want a number of at most 40 characters, below 1e308",
		`{"mode":"full","tenantId":` + strings.Repeat("9", 41) + `}`: "tenantId: got " + strings.Repeat("9", 41) +
			", want a number of at most 40 characters, below 1e308",
		`{"mode":"full","entities":[1e99999999999999999999]}`: "entities[0]: got 1e99999999999999999999, want a number of at most 40 characters, below 1e308",
		`{"mode":"full","tenantId":1e308}`:                    "tenantId: got 1e308, want a string",
	} {
		event, err := Decode(Message{Subject: "sync.requested", Data: []byte(data), Stream: "SYNC_COMMANDS", Stored: time.Now()})
		require.NoError(t, err)
		_, err = Requested.Data(event)
		require.EqualError(t, err, want)
	}
}

func TestManyHugeNumbersAreRejectedInTime(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat("1e999999,", 20_000), ",")
	event, err := Decode(Message{
		Subject: "sync.requested", Data: fmt.Appendf(nil, `{"mode":"incremental","entities":["jobs"],"ids":[%s]}`, many), Stream: "SYNC_COMMANDS", Stored: time.Now(),
	})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { _, err := Requested.Data(event); done <- err }()
	select {
	case err := <-done:
		require.ErrorContains(t, err, "; and 19")
	case <-time.After(30 * time.Second): // with exact numbers it takes hours
		t.Error("the validation takes too long")
	}
}

// A fault of the validator concerns one message only.
func TestDataThatPanicsTheValidatorIsInvalid(t *testing.T) {
	t.Parallel()
	_, err := (&schema{}).validate([]byte(`{}`))
	var rejection *Rejection
	require.ErrorAs(t, err, &rejection)
	require.Equal(t, CodeInvalidData, rejection.Code)
	require.Contains(t, rejection.Reason, "data: got values that cannot be validated")
}

// The traceparent of a command goes into every event of its run.
func TestOnlyTraceParentsOfTheStandardAreTakenOver(t *testing.T) {
	t.Parallel()
	const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for given, want := range map[string]string{valid: valid, strings.Repeat("x", 500_000): "", valid + "-x": "", "00-4bf9": ""} {
		event, err := Decode(Message{
			Subject: "sync.requested", Stream: "SYNC_COMMANDS", Sequence: 1, Stored: time.Now(), Data: []byte(`{"mode":"incremental"}`),
			Header: map[string][]string{
				"ce-specversion": {"1.0"}, "ce-id": {"c"}, "ce-source": {"/s"}, "ce-type": {Requested.Name},
				"ce-traceparent": {given}, "Content-Type": {"application/json"},
			},
		})
		require.NoError(t, err)
		require.Equal(t, want, TraceParent(event))

		answer, err := Accepted.New(Attributes{ID: "a", Source: "/lazisync", TraceParent: given}, AcceptedData{Kind: KindRequest, RequestID: "r", WorkflowID: "w", Message: "m"})
		require.NoError(t, err)
		require.Equal(t, want, TraceParent(answer))
		require.Equal(t, want != "", answer.Extensions()["traceparent"] != nil)
	}
}
