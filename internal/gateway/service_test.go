package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestStatusOverNATS(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.begun(ledger.Failed)
	status, failure, response := s.gateway.AnswerStatus(t.Context(), events.Message{})
	require.Equal(t, http.StatusOK, status, failure)
	var parts map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(response, &parts))
	for path, names := range map[string][]string{
		"/api/sync/attention": {"attention"}, "/api/sync/state": {"tenants", "states"}, "/api/sync/runs": {"runs", "waiting"},
	} {
		var same map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(s.send(http.MethodGet, path, "").body), &same))
		for _, name := range names {
			require.JSONEq(t, string(same[name]), string(parts[name]), name)
			delete(parts, name)
		}
	}
	require.Empty(t, parts)
	require.Empty(t, s.fakeAudit.recorded(), "reading is no action")
}

func TestRequestOverNATS(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("ops", Operator, "secret")} })
	s.begun(ledger.Failed)
	message := events.Message{Data: []byte(`{"mode":"full","entities":["jobs"],"reason":"month end"}`), Header: map[string][]string{
		"idempotency-key": {"order-66"}, "Wait": {"30s"}, "Authorization": {"Bearer wrong"}, "Nats-Msg-Id": {"x"},
	}}
	status, failure, response := s.gateway.AnswerRequest(t.Context(), message)
	require.Equal(t, http.StatusOK, status, failure)
	var ended outcomeResponse
	require.NoError(t, json.Unmarshal(response, &ended))
	require.Equal(t, outcomeView{State: ledger.Failed, RunNumber: 7}, ended.Outcome)

	published := s.fakeStream.events()
	require.Len(t, published, 1)
	require.Equal(t, ledger.GatewaySource+"/NATS", published[0].Source())
	require.Equal(t, "order-66", published[0].ID())
	data, err := events.Requested.Data(published[0])
	require.NoError(t, err)
	require.Equal(t, []string{"jobs"}, data.Entities)
	entries := s.fakeAudit.recorded()
	require.Len(t, entries, 1)
	require.Equal(t, []any{"request.full", "NATS", "operator", "month end", 202, ended.RequestID},
		[]any{entries[0].Action, entries[0].Actor, entries[0].Role, entries[0].Reason, entries[0].Status, entries[0].RequestID})
}

func TestInvalidRequestsOverNATS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data   string
		wait   string
		status int
		want   string
	}{
		"no data":         {"", "", 422, "Invalid data: mode: got nothing, want full, "},
		"no JSON":         {"full", "", 400, "Not a JSON object: got invalid JSON"},
		"unknown mode":    {`{"mode":"ful"}`, "", 422, `Invalid data: mode: got "ful", want full`},
		"unknown entity":  {`{"mode":"full","entities":["job"]}`, "", 422, `Invalid data: entities[0]: got "job", want a known entity (did you mean jobs?)`},
		"wrong wait":      {`{"mode":"full"}`, "soon", 422, `Invalid data: wait: got "soon", want a duration`},
		"wait is no data": {`{"mode":"full","wait":"30s"}`, "", 422, "Invalid data: wait: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, nil)
			m := events.Message{Data: []byte(c.data), Header: map[string][]string{}}
			if c.wait != "" {
				m.Header["Wait"] = []string{c.wait}
			}
			status, failure, response := s.gateway.AnswerRequest(t.Context(), m)
			require.Equal(t, c.status, status, failure)
			require.Contains(t, failure, c.want)
			var p Problem
			require.NoError(t, json.Unmarshal(response, &p))
			require.Equal(t, c.status, p.Status)
			require.Empty(t, s.fakeStream.events())
		})
	}
	s := open(t, nil)
	status, failure, _ := s.gateway.AnswerStatus(t.Context(), events.Message{Data: []byte("all")})
	require.Equal(t, 422, status)
	require.Equal(t, `Invalid data: data: got "all", want an empty request`, failure)
	s.fakeLedger.fail = errors.New("refused")
	status, failure, _ = s.gateway.AnswerStatus(t.Context(), events.Message{})
	require.Equal(t, 503, status)
	require.Equal(t, "Unavailable: the database is unavailable, retry later", failure)
}
