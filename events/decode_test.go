package events

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	// with puts attributes into the envelope, in front of the others.
	with := func(attributes string) Message {
		return request(strings.Replace(requestEnvelope, `{`, `{`+attributes+`,`, 1))
	}
	// instead replaces a piece of the envelope.
	instead := func(old, new string) Message {
		require.Contains(t, requestEnvelope, old)
		return request(strings.Replace(requestEnvelope, old, new, 1))
	}
	onSubject := func(subject string) Message {
		m := request(requestEnvelope)
		m.Subject = subject
		return m
	}
	tests := map[string]struct {
		message Message
		code    RejectCode
		text    string
	}{
		"empty body":             {request(""), CodeNotJSON, `got an empty body, want one JSON object`},
		"blank body":             {request(" \n"), CodeNotJSON, `got an empty body, want one JSON object`},
		"not JSON":               {request("full sync please"), CodeNotJSON, `got something that is not JSON (byte 2: invalid character 'u' in literal false (expecting 'a')), want one JSON object`},
		"cut short":              {request(`{"mode":"full"`), CodeNotJSON, `got something that is not JSON (byte 14: unexpected end of JSON input), want one JSON object`},
		"null":                   {request("null"), CodeNotJSON, `got null, want one JSON object`},
		"text":                   {request(`"full"`), CodeNotJSON, `got a text, want one JSON object`},
		"list":                   {request(`[` + requestEnvelope + `]`), CodeNotJSON, `got a list, want one JSON object`},
		"bytes after the object": {request(requestEnvelope + "x"), CodeNotJSON, `got something that is not JSON (byte 122: invalid character 'x' after top-level value), want one JSON object`},
		"invalid UTF-8":          {instead("/my", "/\xff"), CodeNotJSON, `got invalid UTF-8, want one JSON object`},
		"too large":              {request(`{"mode":"full","reason":"` + strings.Repeat("x", MaxCommandSize) + `"}`), CodeTooLarge, `got 262171 bytes, want at most 262144`},

		"no specversion":          {instead(`"specversion":"1.0",`, ""), CodeBadEnvelope, `specversion: got nothing, want a text`},
		"specversion 0.3":         {instead(`"1.0"`, `"0.3"`), CodeBadEnvelope, `specversion: got "0.3", want "1.0"`},
		"specversion 2.0":         {instead(`"1.0"`, `"2.0"`), CodeBadEnvelope, `specversion: got "2.0", want "1.0"`},
		"specversion is a number": {instead(`"1.0"`, `1`), CodeBadEnvelope, `specversion: got 1, want a text`},
		"no id":                   {instead(`"id":"2026-01-01",`, ""), CodeBadEnvelope, `id: got nothing, want a text`},
		"empty id":                {instead(`2026-01-01`, ""), CodeBadEnvelope, `id: got "", want a text that is not empty`},
		"blank id":                {instead(`2026-01-01`, "  "), CodeBadEnvelope, `id: got "  ", want a text that is not empty`},
		"id is a number":          {instead(`"2026-01-01"`, "7"), CodeBadEnvelope, `id: got 7, want a text`},
		"id with NUL":             {instead(`2026-01-01`, `a\u0000b`), CodeBadEnvelope, `id: got "a\x00b", want no control characters`},
		"id with a line break":    {instead(`2026-01-01`, `a\nb`), CodeBadEnvelope, `id: got "a\nb", want no control characters`},
		"long id":                 {instead(`2026-01-01`, strings.Repeat("x", 257)), CodeBadEnvelope, `id: got 257 bytes, want at most 256`},
		"no source":               {instead(`"source":"/my/program",`, ""), CodeBadEnvelope, `source: got nothing, want a text`},
		"source is no URI":        {instead(`/my/program`, "http://[::1"), CodeBadEnvelope, `source: got "http://[::1", want a URI reference such as /my/program`},
		"source with a space":     {instead(`/my/program`, "/my program"), CodeBadEnvelope, `source: got "/my program", want a URI reference such as "/my%20program"`},
		"long source":             {instead(`/my/program`, "/"+strings.Repeat("x", 256)), CodeBadEnvelope, `source: got 257 bytes, want at most 256`},
		"no type":                 {instead(`"type":"com.lazi.sync.requested.v1",`, ""), CodeBadEnvelope, `type: got nothing, want a text`},
		"type of another subject": {instead(`com.lazi.sync.requested.v1`, Control.Name), CodeTypeMismatch, `type: got "com.lazi.sync.control.v1", want com.lazi.sync.requested.v1 on NATS subject sync.requested`},
		"type of a later version": {instead(`requested.v1`, `requested.v2`), CodeTypeMismatch, `type: got "com.lazi.sync.requested.v2", want com.lazi.sync.requested.v1 on NATS subject sync.requested`},
		"misspelt subject":        {onSubject("sync.requestd"), CodeTypeMismatch, `NATS subject: got "sync.requestd", want sync.requested`},
		"unknown subject":         {onSubject("weather.today"), CodeTypeMismatch, `NATS subject: got "weather.today", want one of sync.requested, sync.control, sync.accepted, sync.rejected, sync.started, sync.progress, sync.paused, sync.resumed, sync.completed, sync.failed, sync.cancelled`},

		"key twice":               {with(`"id":"other"`), CodeBadEnvelope, `id: got the same key twice, want each key once`},
		"data and data_base64":    {with(`"data_base64":"e30="`), CodeBadEnvelope, `data: got both data and data_base64, want one of them`},
		"bad base64":              {instead(`"data":{"mode":"full"}`, `"data_base64":"e30"`), CodeBadEnvelope, `data_base64: got "e30", want base64 text`},
		"base64 is a number":      {instead(`"data":{"mode":"full"}`, `"data_base64":1`), CodeBadEnvelope, `data_base64: got a number, want base64 text`},
		"base64 of no JSON":       {instead(`"data":{"mode":"full"}`, `"data_base64":"aGk="`), CodeNotJSON, `got something that is not JSON (byte 1: invalid character 'h' looking for beginning of value), want one JSON object`},
		"data is not JSON":        {with(`"datacontenttype":"text/plain"`), CodeBadEnvelope, `datacontenttype: got "text/plain", want application/json`},
		"empty subject":           {with(`"subject":""`), CodeBadEnvelope, `subject: got "", want a text that is not empty`},
		"relative dataschema":     {with(`"dataschema":"sync.requested.v1.json"`), CodeBadEnvelope, `dataschema: got "sync.requested.v1.json", want an absolute URI`},
		"empty time":              {with(`"time":""`), CodeBadEnvelope, `time: got "", want a text that is not empty`},
		"time in words":           {with(`"time":"yesterday"`), CodeBadEnvelope, `time: got "yesterday", want a time as in RFC 3339, such as 2006-01-02T15:04:05Z`},
		"30 hours ahead":          {with(`"time":"2026-01-02T16:00:00Z"`), CodeBadEnvelope, `time: got "2026-01-02T16:00:00Z", want a time within 24 hours of 2026-01-01T10:00:00Z`},
		"two days old":            {with(`"time":"2025-12-30T10:00:00Z"`), CodeBadEnvelope, `time: got "2025-12-30T10:00:00Z", want a time within 24 hours of 2026-01-01T10:00:00Z`},
		"extension is an object":  {with(`"ext":{}`), CodeBadEnvelope, `ext: got an object, want a text, a whole number, or true or false`},
		"extension over 32 bits":  {with(`"ext":3000000000`), CodeBadEnvelope, `ext: got 3000000000, want a whole number of at most 32 bits, or a text`},
		"extension is a fraction": {with(`"ext":1.5`), CodeBadEnvelope, `ext: got 1.5, want a whole number of at most 32 bits, or a text`},
		"extension in capitals":   {with(`"traceParent":"x"`), CodeBadEnvelope, `traceParent: got an unknown attribute, want a name of lower-case letters and digits`},
		"everything at once": {
			request(`{"specversion":"1.1","id":" ","source":"/a b","type":"full","time":"now"}`), CodeBadEnvelope,
			`specversion: got "1.1", want "1.0"; id: got " ", want a text that is not empty; source: got "/a b", want a URI reference such as "/a%20b"; type: got "full", want com.lazi.sync.requested.v1 on NATS subject sync.requested; time: got "now", want a time as in RFC 3339, such as 2006-01-02T15:04:05Z`,
		},

		"batch":                   {request(`[]`, "Content-Type", "application/cloudevents-batch+json"), CodeBadEnvelope, `Content-Type: got "application/cloudevents-batch+json", want one event in a message, as application/cloudevents+json`},
		"structured XML":          {request(`<event/>`, "Content-Type", "application/cloudevents+xml"), CodeBadEnvelope, `Content-Type: got "application/cloudevents+xml", want application/cloudevents+json`},
		"bare text":               {request(`mode=full`, "Content-Type", "text/plain"), CodeBadEnvelope, `Content-Type: got "text/plain", want application/cloudevents+json or application/json`},
		"bare key twice":          {request(`{"mode":"full","mode":"rebuild"}`), CodeBadEnvelope, `mode: got the same key twice, want each key once`},
		"long message id":         {request(`{"mode":"full"}`, "Nats-Msg-Id", strings.Repeat("x", 257)), CodeBadEnvelope, `id: got 257 bytes, want at most 256`},
		"message id is not UTF-8": {request(`{"mode":"full"}`, "Nats-Msg-Id", "\xff"), CodeBadEnvelope, `id: got "\xff", want UTF-8`},
		"two message ids":         {request(`{"mode":"full"}`, "Nats-Msg-Id", "a", "nats-msg-id", "b"), CodeBadEnvelope, `nats-msg-id: got more than one such header, want one`},
		"binary, bad body":        {request(`{`, "ce-specversion", "1.0", "ce-id", "7", "ce-source", "/a", "ce-type", Requested.Name), CodeNotJSON, `got something that is not JSON (byte 1: unexpected end of JSON input), want one JSON object`},
		"binary, bad percent-encoding": {
			request(`{"mode":"full"}`, "ce-specversion", "1.0", "ce-id", "7", "ce-source", "/a", "ce-type", Requested.Name, "Ce-Subject", "%C0%A0"),
			CodeBadEnvelope, `ce-subject: got "%C0%A0", want percent-encoded UTF-8`,
		},
		"binary, attribute named data": {
			request(`{"mode":"full"}`, "ce-specversion", "1.0", "ce-id", "7", "ce-source", "/a", "ce-type", Requested.Name, "ce-data", "x"),
			CodeBadEnvelope, `data: got an unknown attribute, want a name of lower-case letters and digits`,
		},
		"binary, not JSON": {
			request(`mode=full`, "ce-specversion", "1.0", "ce-id", "7", "ce-source", "/a", "ce-type", Requested.Name, "Content-Type", "text/plain"),
			CodeNotJSON, `got something that is not JSON (byte 1: invalid character 'm' looking for beginning of value), want one JSON object; datacontenttype: got "text/plain", want application/json`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode(test.message)
			require.EqualError(t, err, test.text)
			var rejection *Rejection
			require.ErrorAs(t, err, &rejection)
			require.Equal(t, test.code, rejection.Code)
			require.NotEmpty(t, rejection.Errors)
		})
	}
}

func TestARefusedEventStillTellsItsIdentity(t *testing.T) {
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

func TestOutcomesDoNotGrowOld(t *testing.T) {
	t.Parallel()
	m := envelopeAround(Completed.Definition, []byte(`{}`))
	m.Data = []byte(strings.Replace(string(m.Data), `{`, `{"time":"2026-01-01T10:00:00Z",`, 1))
	m.Stored = stored.AddDate(0, 0, 7)
	_, err := Decode(m)
	require.NoError(t, err)
}

func TestDataRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, text string }{
		"nothing":   {`null`, `data: got nothing, want a JSON object`},
		"a text":    {`"full"`, `got a text, want one JSON object`},
		"key twice": {`{"mode":"full","mode":"rebuild"}`, `mode: got the same key twice, want each key once`},
		"long word": {`{"mode":"` + strings.Repeat("x", 200) + `"}`, `mode: got "` + strings.Repeat("x", 80) + `"…, want full, incremental or rebuild`},
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
		_, _ = payloadOf(event)
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
