package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewEventOnTheWire(t *testing.T) {
	t.Parallel()
	event, err := Cancelled.New(Attributes{
		ID: "42/sync.cancelled", Source: "/lazisync/worker", Subject: "incremental-sync-1", Time: stored,
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}, OutcomeData{
		RunData:   RunData{TenantID: "1", Mode: Incremental, WorkflowID: "incremental-sync-1", Entities: []string{"jobs"}},
		StartedAt: stored, FinishedAt: stored, Reason: "withdrawn",
	})
	require.NoError(t, err)
	encoded, err := Encode(event)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"specversion": "1.0", "id": "42/sync.cancelled", "source": "/lazisync/worker", "type": "com.lazi.sync.cancelled.v1",
		"subject": "incremental-sync-1", "time": "2026-01-01T10:00:00.000000005Z", "datacontenttype": "application/json",
		"dataschema": "https://github.com/lazi/lazisync/schemas/sync.cancelled.v1.json",
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"data": {
			"tenantId": "1", "mode": "incremental", "workflowId": "incremental-sync-1", "entities": ["jobs"], "requests": [],
			"startedAt": "2026-01-01T10:00:00.000000005Z", "finishedAt": "2026-01-01T10:00:00.000000005Z",
			"results": [], "notify": [], "reason": "withdrawn"
		}}`, string(encoded))
	require.Equal(t, map[string][]string{
		"Content-Type": {"application/cloudevents+json; charset=UTF-8"},
		"Nats-Msg-Id":  {MsgID("/lazisync/worker", "42/sync.cancelled")},
	}, Header(event))

	back, err := Decode(Message{Subject: Cancelled.Subject, Header: Header(event), Data: encoded, Stored: stored})
	require.NoError(t, err)
	require.Equal(t, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceParent(back))
	require.Equal(t, "incremental-sync-1", back.Subject())
}

func TestNewRejectsInvalidEvents(t *testing.T) {
	t.Parallel()
	full := RequestData{Mode: Full}
	tests := map[string]struct {
		attributes Attributes
		data       RequestData
		text       string
	}{
		"no id":        {Attributes{Source: "/a"}, full, "id: got nothing, want a string"},
		"no source":    {Attributes{ID: "1"}, full, "source: got nothing, want a string"},
		"loose source": {Attributes{ID: "1", Source: "/a b"}, full, `source: got "/a b", want a URI reference such as "/a%20b"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Requested.New(test.attributes, test.data)
			require.EqualError(t, err, "make com.lazi.sync.requested.v1: "+test.text)
		})
	}
}

func TestNewDoesNotChangeThePayload(t *testing.T) {
	t.Parallel()
	data := RequestData{Mode: Full}
	_, err := Requested.New(Attributes{ID: "1", Source: "/a"}, data)
	require.NoError(t, err)
	require.Nil(t, data.Entities)
}

func TestMsgIDDependsOnTheSource(t *testing.T) {
	t.Parallel()
	require.Equal(t, MsgID("/a", "b"), MsgID("/a", "b"))
	require.NotEqual(t, MsgID("/a", "b/c"), MsgID("/a/b", "c"))
	require.Len(t, MsgID("/a", strings.Repeat("x", 256)), 35)
}

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"customers", "jobs", "invoices", "estimates"}
	for word, want := range map[string]string{
		"customer": "customers", "Jobs": "jobs", "invioces": "invoices", "estimate": "estimates",
		"weather": "", "": "", strings.Repeat("jobs", 20): "",
	} {
		got, ok := Nearest(word, candidates)
		require.Equal(t, want, got, word)
		require.Equal(t, want != "", ok, word)
	}
}

func TestSplitRequests(t *testing.T) {
	t.Parallel()
	requests := make([]RequestRef, 1201)
	for i := range requests {
		requests[i] = RequestRef{RequestID: RequestID("/a", fmt.Sprint(i)), Source: "/a", ID: fmt.Sprint(i)}
	}
	var lengths []int
	var joined []RequestRef
	for _, part := range SplitRequests(requests) {
		lengths = append(lengths, len(part))
		joined = append(joined, part...)
	}
	require.Equal(t, []int{500, 500, 201}, lengths)
	require.Equal(t, requests, joined)
	require.Len(t, SplitRequests(nil), 1)
	require.Len(t, SplitRequests(requests[:500]), 1)
}

func TestPartsWithTheLongestIDsFitAnEvent(t *testing.T) {
	t.Parallel()
	requests := make([]RequestRef, 1000)
	for i := range requests {
		requests[i] = RequestRef{RequestID: strings.Repeat("f", 20), Source: strings.Repeat("<", MaxIdentity), ID: strings.Repeat("&", MaxIdentity)}
	}
	for _, part := range SplitRequests(requests) {
		encoded, err := json.Marshal(part)
		require.NoError(t, err)
		require.Less(t, len(encoded), MaxSize/2+1)
	}
}

func BenchmarkDecodeAndValidate(b *testing.B) {
	m := request(requestEnvelope)
	m.Stored = time.Time{}
	b.ReportAllocs()
	for b.Loop() {
		event, err := Decode(m)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Requested.Data(event); err != nil {
			b.Fatal(err)
		}
	}
}
