package events

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/badinput"
)

var stored = time.Date(2026, 1, 1, 10, 0, 0, 5, time.UTC)

const requestEnvelope = `{"specversion":"1.0","id":"2026-01-01","source":"/my/program","type":"com.lazi.sync.requested.v1","data":{"mode":"full"}}`

// request is a message as it lies in the stream.
func request(body string, headers ...string) Message {
	m := Message{Subject: "sync.requested", Data: []byte(body), Stream: "SYNC_COMMANDS", Sequence: 12, Stored: stored}
	m.Header = map[string][]string{}
	for i := 0; i < len(headers); i += 2 {
		m.Header[headers[i]] = append(m.Header[headers[i]], headers[i+1])
	}
	return m
}

func TestDecodeAccepts(t *testing.T) {
	t.Parallel()
	binaryHeaders := []string{"ce-specversion", "1.0", "ce-id", "7", "ce-source", "/a", "ce-type", "com.lazi.sync.requested.v1"}
	tests := map[string]struct {
		message    Message
		source, id string
	}{
		"structured":                        {request(requestEnvelope, "Content-Type", "application/cloudevents+json"), "/my/program", "2026-01-01"},
		"structured, other case, charset":   {request(requestEnvelope, "content-type", "Application/CloudEvents+JSON; charset=UTF-8"), "/my/program", "2026-01-01"},
		"structured, no content type":       {request(requestEnvelope), "/my/program", "2026-01-01"},
		"structured, JSON content type":     {request(requestEnvelope, "Content-Type", "application/json"), "/my/program", "2026-01-01"},
		"structured, data in base64":        {request(strings.Replace(requestEnvelope, `"data":{"mode":"full"}`, `"data_base64":"eyJtb2RlIjoiZnVsbCJ9"`, 1)), "/my/program", "2026-01-01"},
		"structured, attributes that are 0": {request(strings.Replace(requestEnvelope, `{`, `{"subject":null,"ext":null,`, 1)), "/my/program", "2026-01-01"},
		"structured, time within a day":     {request(strings.Replace(requestEnvelope, `{`, `{"time":"2026-01-02T09:59:59+00:00",`, 1)), "/my/program", "2026-01-01"},
		"binary":                            {request(`{"mode":"full"}`, binaryHeaders...), "/a", "7"},
		"binary, capitals":                  {request(`{"mode":"full"}`, "CE-SpecVersion", "1.0", "Ce-Id", "7", "CE-SOURCE", "/a", "Ce-Type", "com.lazi.sync.requested.v1", "CONTENT-TYPE", "application/json"), "/a", "7"},
		"binary, percent-encoded":           {request(`{"mode":"full"}`, "ce-specversion", "1.0", "ce-id", "gr%C3%B6%C3%9Fe%2010%25", "ce-source", "/a", "ce-type", "com.lazi.sync.requested.v1"), "/a", "größe 10%"},
		"bare":                              {request(`{"mode":"full"}`), "nats://SYNC_COMMANDS", "SYNC_COMMANDS-12-1767261600000000005"},
		"bare with a message id":            {request(`{"mode":"full"}`, "nats-msg-id", "nightly"), "nats://SYNC_COMMANDS", "nightly"},
		"bare with a content type":          {request(`{"mode":"full"}`, "Content-Type", "application/json"), "nats://SYNC_COMMANDS", "SYNC_COMMANDS-12-1767261600000000005"},
		"replayed after a week": {
			Message{
				Subject: "sync.requested", Data: []byte(strings.Replace(requestEnvelope, `{`, `{"time":"2026-01-01T10:00:00Z",`, 1)),
				Header: map[string][]string{HeaderFirstStored: {"2026-01-01T10:00:01Z"}}, Stored: stored.AddDate(0, 0, 7),
			},
			"/my/program", "2026-01-01",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := Decode(test.message)
			require.NoError(t, err)
			require.Equal(t, test.source, event.Source())
			require.Equal(t, test.id, event.ID())
			require.Equal(t, Requested.Name, event.Type())
			data, err := Requested.Data(event)
			require.NoError(t, err)
			require.Equal(t, RequestData{Mode: Full}, data)
			require.Equal(t, RequestID(test.source, test.id), RequestID(again(t, event).Source(), again(t, event).ID()))
		})
	}
}

// again sends an event and reads it back.
func again(t *testing.T, event Event) Event {
	t.Helper()
	encoded, err := Encode(event)
	require.NoError(t, err)
	back, err := Decode(Message{Subject: "sync.requested", Header: Header(event), Data: encoded})
	require.NoError(t, err)
	return back
}

func TestBadEvents(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/bad-events.txt", func(t *testing.T, input string) string {
		m := Message{Stream: "SYNC_COMMANDS", Sequence: 12, Stored: time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)}
		var body string
		m.Subject, m.Header, body = badinput.Message(input)
		m.Data = []byte(body)
		_, err := Decode(m)
		var rejection *Rejection
		require.ErrorAs(t, err, &rejection)
		require.NotEmpty(t, rejection.Errors)
		return string(rejection.Code) + ": " + rejection.Error()
	})
}

func TestInvalidEventKeepsItsIdentity(t *testing.T) {
	t.Parallel()
	event, err := Decode(request(strings.Replace(requestEnvelope, "requested.v1", "requested.v9", 1)))
	require.Error(t, err)
	require.Equal(t, "/my/program", event.Source())
	require.Equal(t, "2026-01-01", event.ID())

	event, err = Decode(request("{"))
	require.Error(t, err)
	require.Empty(t, event.ID())
	require.Empty(t, event.Source())
}

func TestOnlyCommandsMayBeBare(t *testing.T) {
	t.Parallel()
	_, err := Decode(Message{Subject: "sync.completed", Data: []byte(`{"tenantId":"1"}`)})
	require.ErrorContains(t, err, "specversion: got nothing")
}

func TestOutcomesDoNotExpire(t *testing.T) {
	t.Parallel()
	m := envelopeAround(Completed.Definition, []byte(`{}`))
	m.Data = []byte(strings.Replace(string(m.Data), `{`, `{"time":"2026-01-01T10:00:00Z",`, 1))
	m.Stored = stored.AddDate(0, 0, 7)
	_, err := Decode(m)
	require.NoError(t, err)
}

func TestDataRejectsInvalidData(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, text string }{
		"nothing":   {`null`, `data: got nothing, want a JSON object`},
		"a string":  {`"full"`, `got a string, want one JSON object`},
		"key twice": {`{"mode":"full","mode":"rebuild"}`, `mode: got a duplicate key, want each key once`},
		"long word": {`{"mode":"` + strings.Repeat("x", 200) + `"}`, `mode: got "` + strings.Repeat("x", 80) + `"…, want ` + joinOr(ModeNames())},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := Decode(envelopeAround(Requested.Definition, []byte(test.data)))
			require.NoError(t, err)
			_, err = Requested.Data(event)
			require.EqualError(t, err, test.text)
			var rejection *Rejection
			require.ErrorAs(t, err, &rejection)
			require.Equal(t, CodeInvalidData, rejection.Code)
		})
	}
	event, err := Decode(request(requestEnvelope))
	require.NoError(t, err)
	_, err = Control.Data(event)
	require.EqualError(t, err, `type: got "com.lazi.sync.requested.v1", want com.lazi.sync.control.v1`)
}

func FuzzDecode(f *testing.F) {
	f.Add("sync.requested", requestEnvelope, "", "", "")
	f.Add("sync.requested", `{"mode":"full"}`, "", "", "nightly")
	f.Add("sync.control", `{"action":"pause","workflowId":"a"}`, "application/json", "", "")
	f.Add("sync.requested", `{"mode":"full"}`, "", "gr%C3%B6", "")
	f.Add("sync.completed", `{"specversion":"1.0","data_base64":1}`, ContentType, "", "")
	f.Add("sync.requested", strings.Replace(requestEnvelope, `{`, `{"time":"2026-01-01T10:00:00.5+02:00","ext":-1,"subject":"\u003c","dataschema":"a:b c",`, 1), "", "", "")
	f.Fuzz(func(t *testing.T, subject, body, contentType, ceID, msgID string) {
		header := map[string][]string{}
		for name, value := range map[string]string{"Content-Type": contentType, "Ce-Id": ceID, "Nats-Msg-Id": msgID} {
			if value != "" {
				header[name] = []string{value}
			}
		}
		if ceID != "" {
			header["ce-specversion"], header["ce-source"] = []string{"1.0"}, []string{"/a"}
			header["ce-type"] = []string{"com.lazi." + subject + ".v1"}
		}
		event, err := Decode(Message{Subject: subject, Header: header, Data: []byte(body), Stream: "S", Sequence: 1})
		if err != nil {
			require.IsType(t, &Rejection{}, err)
			return
		}
		if d, known := ByType(event.Type()); known {
			_, _ = d.Read(event)
		}
		encoded, err := Encode(event)
		require.NoError(t, err)
		back, err := Decode(Message{Subject: subject, Header: Header(event), Data: encoded})
		if len(encoded) > MaxCommandSize {
			return // an envelope around bare data at the limit
		}
		require.NoError(t, err, string(encoded))
		require.Equal(t, event.Source(), back.Source())
		require.Equal(t, event.ID(), back.ID())
		require.Equal(t, event.Type(), back.Type())
		require.Equal(t, bytes.TrimSpace(event.Data()), bytes.TrimSpace(back.Data())) // blanks around a value mean nothing
		require.Equal(t, event.Extensions(), back.Extensions())
	})
}
