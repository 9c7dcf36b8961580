package events

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireTellable holds that a rejection can be reported: it fits our own event, which fits
// what a NATS server takes.
func requireTellable(t *testing.T, err error, subject string) {
	t.Helper()
	var why *Rejection
	require.ErrorAs(t, err, &why)
	require.NotEmpty(t, why.Errors)
	event, err := Rejected.New(Attributes{ID: "1", Source: "/lazisync"}, RejectedData{
		Kind: KindRequest, Subject: subject, Code: why.Code, Reason: why.Reason, Errors: why.Errors,
		DeadLetter: DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 1},
	})
	require.NoError(t, err)
	encoded, err := Encode(event)
	require.NoError(t, err)
	require.Less(t, len(encoded), MaxSize/4)
}

// FuzzHeader decodes messages with arbitrary headers, given as lines of names and values; NATS
// allows a name several times and keeps its case.
func FuzzHeader(f *testing.F) {
	const envelope = "ce-specversion: 1.0\nce-id: a\nce-source: /a\nce-type: com.lazi.sync.requested.v1\n"
	for _, header := range []string{
		"", envelope, strings.ToUpper(envelope), envelope + "ce-id: b\n", envelope + "ce-subject: %C0%A0\n", envelope + "content-type: text/xml\n",
		envelope + "ce-time: yesterday\n", envelope + "ce-datacontenttype: application/json\n", envelope + "ce-Ext-1: x\n",
		"Status: 409\nDescription: Consumer Deleted\n", "content-type: application/cloudevents-batch+json\n", "Nats-Msg-Id: a\x00b\n",
		"content-type: application/cloudevents+json\n", "Lazisync-First-Stored: never\n", "ce-id: 1\n", "ce-: 1\n", "CE-TRACEPARENT: 00-1\n",
	} {
		f.Add(header, `{"mode":"full"}`)
		f.Add(header, "")
	}
	f.Fuzz(func(t *testing.T, lines, body string) {
		header := map[string][]string{}
		for line := range strings.Lines(lines) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			header[name] = append(header[name], value)
		}
		m := Message{Subject: Requested.Subject, Header: header, Data: []byte(body), Stream: "S", Sequence: 1}
		event, err := Decode(m)
		if err != nil {
			requireTellable(t, err, m.Subject)
			return
		}
		require.NotEmpty(t, event.ID())
		require.NotEmpty(t, event.Source())
		require.Equal(t, Requested.Name, event.Type())
		again, err := Decode(m)
		require.NoError(t, err)
		require.Equal(t, event.ID(), again.ID(), "the same on every delivery")
		require.Equal(t, RequestID(event.Source(), event.ID()), RequestID(again.Source(), again.ID()))
	})
}

// FuzzControlData decodes hand-written data of sync.control.
func FuzzControlData(f *testing.F) {
	for _, data := range []string{
		`{"action":"pause","workflowId":"full-sync-1"}`, `{"action":"cancel","requestId":"1","reason":"enough","actor":"ann"}`,
		`{"action":"resume"}`, `{"action":"pause","workflowId":"a","requestId":"b"}`, `{"action":"Pause","workflowId":"a"}`,
		`{"action":null,"workflowId":["a"]}`, `{"workflowID":"a"}`, `[]`, `"pause"`, `{}`, ``, `{"action":"pause","action":"cancel"}`,
		`{"action":"cancel","requestId":"\u0000"}`, `{"action":"cancel","requestId":"\ud800"}`, `{"action":"pause","workflowId":""}`,
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, body string) {
		event, err := Decode(Message{Subject: Control.Subject, Data: []byte(body), Stream: "S", Sequence: 1})
		if err != nil {
			requireTellable(t, err, Control.Subject)
			return
		}
		data, err := Control.Data(event)
		if err != nil {
			requireTellable(t, err, Control.Subject)
			return
		}
		require.Contains(t, []Action{Pause, Resume, Cancel}, data.Action)
		require.NotEqual(t, data.WorkflowID == "", data.RequestID == "", "exactly one")
		event, err = Control.New(Attributes{ID: "1", Source: "/a"}, data)
		require.NoError(t, err)
		require.NoError(t, Check(event), "what is read can be written")
	})
}

// FuzzRequestData decodes hand-written data of sync.requested.
func FuzzRequestData(f *testing.F) {
	for _, data := range []string{
		`{"mode":"full"}`, `{"mode":"incremental","entities":["customers","jobs"],"notify":false,"channel":"#a","reason":"b"}`,
		`{"mode":"rebuild","entities":["jobs"]}`, `{"mode":"rebuild"}`, `{"mode":"rebuild","entities":["*"]}`, `{"mode":"full","entities":["*"]}`,
		`{"mode":"Full "}`, `{"mode":"full","entities":[]}`, `{"mode":"full","entities":["a","a"]}`, `{"mode":"full","tenantId":7}`,
		`{"mode":"full","notify":"yes"}`, `{"mode":"full","allowDeletes":true}`, `{"mode":"full","since":"2026-01-01"}`, `{"mode":1e999}`,
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, body string) {
		event, err := Decode(Message{Subject: Requested.Subject, Data: []byte(body), Stream: "S", Sequence: 1})
		if err != nil {
			requireTellable(t, err, Requested.Subject)
			return
		}
		data, err := Requested.Data(event)
		if err != nil {
			requireTellable(t, err, Requested.Subject)
			return
		}
		require.Contains(t, ModeNames(), string(data.Mode))
		if data.Mode == Rebuild {
			require.Len(t, data.Entities, 1)
		}
		event, err = Requested.New(Attributes{ID: "1", Source: "/a"}, data)
		require.NoError(t, err)
		require.NoError(t, Check(event), "what is read can be written")
	})
}
