package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/ledger"
)

// The same invalid command has the same text in the answer of the bridge, in the response of the
// gateway and on the command line.
func TestInvalidCommandsHaveOneText(t *testing.T) {
	t.Parallel()
	one, two := []events.TenantID{"985"}, []events.TenantID{"985", "986"}
	many := make([]string, len(entity.Names())+1)
	for i := range many {
		many[i] = "entity-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
	}
	for name, c := range map[string]struct {
		tenants []events.TenantID
		data    events.RequestData
		want    string // "" if the command is valid
	}{
		"valid":                  {one, events.RequestData{Mode: events.Full}, ""},
		"misspelt entity":        {one, events.RequestData{Mode: events.Full, Entities: []string{"jobs", "custmers"}}, `entities[1]: got "custmers", want a known entity (did you mean customers?)`},
		"two unknown entities":   {one, events.RequestData{Mode: events.Full, Entities: []string{"job", "weather"}}, `entities[0]: got "job", want a known entity (did you mean jobs?); entities[1]: got "weather", want a known entity; lazisync entities lists them`},
		"all entities and one":   {one, events.RequestData{Mode: events.Full, Entities: []string{"*", "jobs"}}, `entities[0]: got "*", want "*" alone, or names`},
		"entity twice":           {one, events.RequestData{Mode: events.Full, Entities: []string{"jobs", "jobs"}}, `entities[1]: got "jobs" twice, want unique items`},
		"too many entities":      {one, events.RequestData{Mode: events.Full, Entities: many}, "entities: got 1"},
		"rebuild without entity": {one, events.RequestData{Mode: events.Rebuild}, "entities: got nothing, want exactly one entity for a rebuild"},
		"rebuild of two":         {one, events.RequestData{Mode: events.Rebuild, Entities: []string{"jobs", "customers"}}, "entities: got 2 of them, want exactly one entity for a rebuild"},
		"rebuild of all":         {one, events.RequestData{Mode: events.Rebuild, Entities: []string{"*"}}, `entities[0]: got "*", want the name of one entity for a rebuild`},
		"unknown tenant":         {one, events.RequestData{Mode: events.Full, TenantID: "7"}, `tenantId: got "7", want 985`},
		"unknown tenant of two":  {two, events.RequestData{Mode: events.Full, TenantID: "acme"}, `tenantId: got "acme", want one of 985, 986`},
		"no tenant of two":       {two, events.RequestData{Mode: events.Full}, "tenantId: got nothing, want one of 985, 986"},
		"channel too long":       {one, events.RequestData{Mode: events.Full, Channel: strings.Repeat("c", 300)}, "channel: got "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := map[string]string{
				"bridge":       bridgeText(t, c.tenants, c.data),
				"gateway":      gatewayText(t, c.tenants, c.data),
				"command line": commandLineText(t, c.tenants, c.data),
			}
			requireOneText(t, c.want, texts)
		})
	}
	for name, c := range map[string]struct {
		data map[string]any
		want string // "" if the command is valid
	}{
		"pause":                  {map[string]any{"action": "pause", "workflowId": "full-sync-1", "reason": "lunch"}, ""},
		"resume":                 {map[string]any{"action": "resume", "workflowId": "full-sync-1"}, ""},
		"cancel of a request":    {map[string]any{"action": "cancel", "requestId": "r1"}, ""},
		"unknown action":         {map[string]any{"action": "stop", "workflowId": "full-sync-1"}, `action: got "stop", want pause, resume or cancel`},
		"control without target": {map[string]any{"action": "pause"}, "got none of them, want exactly one of workflowId and requestId"},
		"two targets":            {map[string]any{"action": "pause", "requestId": "r1", "workflowId": "full-sync-1"}, "got 2 of them, want exactly one of workflowId and requestId"},
		"reason is no string":    {map[string]any{"action": "cancel", "workflowId": "full-sync-1", "reason": 7}, "reason: got 7, want a string"},
		"misspelt field":         {map[string]any{"action": "resume", "workflowId": "full-sync-1", "resaon": "x"}, "resaon: got an unknown field, want reason"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireOneText(t, c.want, controlTexts(t, c.data))
		})
	}
}

func requireOneText(t *testing.T, want string, texts map[string]string) {
	t.Helper()
	for entrance, text := range texts {
		if want == "" {
			require.Empty(t, text, entrance)
			continue
		}
		require.True(t, strings.HasPrefix(text, want), "%s: %s", entrance, text)
		require.Equal(t, texts["bridge"], text, entrance)
	}
}

// controlTexts returns the text of each entrance through which a client can send the control: the
// path of the gateway has the action and a workflow ID, and the command line has no other fields.
func controlTexts(t *testing.T, data map[string]any) map[string]string {
	t.Helper()
	texts := map[string]string{"bridge": bridgeControlText(t, data)}
	action, _ := data["action"].(string)
	workflowID, _ := data["workflowId"].(string)
	requestID, toRequest := data["requestId"].(string)
	if slices.Contains([]string{"pause", "resume", "cancel"}, action) && workflowID != "" && !toRequest {
		fields := maps.Clone(data)
		delete(fields, "action")
		delete(fields, "workflowId")
		texts["gateway"] = gatewayDetail(t, nil, "/api/sync/"+workflowID+"/"+action, fields)
	}
	reason, isText := data["reason"].(string)
	if _, given := data["reason"]; (isText || !given) && data["resaon"] == nil && (!toRequest || workflowID == "") {
		texts["command line"] = usageText(t, cli.Control(t.Context(), noBackends{}, action, cmp.Or(workflowID, requestID), reason, io.Discard))
	}
	return texts
}

// bridgeControlText returns the reason with which the bridge rejects a control, "" for a valid one.
func bridgeControlText(t *testing.T, data map[string]any) string {
	t.Helper()
	body, err := json.Marshal(data)
	require.NoError(t, err)
	m := &commandMessage{subject: events.Control.Subject, data: body}
	b := bridge.New(bridge.Options{
		Ledger: acceptingLedger{}, Publisher: deadLetters{}, Logger: zerolog.Nop(),
		RetryDelay: func(uint64) time.Duration { return 0 },
	})
	if err := b.HandleControl(t.Context(), m); err != nil {
		require.ErrorIs(t, err, errAccepted)
	}
	return m.reason
}

// errAccepted is returned by dependencies that only a valid command reaches.
var errAccepted = errors.New("the command is valid")

// bridgeText returns the reason with which the bridge rejects a request, "" for a valid one.
func bridgeText(t *testing.T, tenants []events.TenantID, data events.RequestData) string {
	t.Helper()
	o := bridge.Options{Ledger: acceptingLedger{}, Publisher: deadLetters{}, Logger: zerolog.Nop(), KnownEntities: entity.Names()}
	o.RetryDelay = func(uint64) time.Duration { return 0 }
	for _, id := range tenants {
		o.Tenants = append(o.Tenants, bridge.Tenant{ID: id, Entities: []string{"jobs"}})
	}
	body, err := json.Marshal(data)
	require.NoError(t, err)
	m := &commandMessage{subject: events.Requested.Subject, data: body}
	if err := bridge.New(o).HandleRequests(t.Context(), []bridge.Message{m}); err != nil {
		require.ErrorIs(t, err, errAccepted)
	}
	return m.reason
}

// noAudit is an audit trail that stores nothing.
type noAudit struct{ gateway.Audit }

func (noAudit) RecordAction(context.Context, ledger.AuditEntry) error { return nil }

type acceptingLedger struct{ bridge.Ledger }

func (acceptingLedger) Receive(context.Context, []ledger.Request) ([]ledger.Receipt, error) {
	return nil, errAccepted
}

type deadLetters struct{ bridge.Publisher }

func (deadLetters) Publish(context.Context, events.Event) error        { return nil }
func (deadLetters) PublishAll(context.Context, []events.Event) []error { return nil }
func (deadLetters) DeadLetter(context.Context, events.Message, events.Rejection, uint64) (string, uint64, error) {
	return "SYNC_DEADLETTER", 1, nil
}

func (acceptingLedger) RecordControl(context.Context, ledger.Control) (ledger.Control, bool, error) {
	return ledger.Control{}, false, errAccepted
}

type commandMessage struct {
	subject string
	data    []byte
	reason  string
}

func (m *commandMessage) Event() events.Message {
	return events.Message{Subject: m.subject, Data: m.data, Stream: "SYNC_COMMANDS", Sequence: 1, Stored: time.Now()}
}
func (m *commandMessage) Context(ctx context.Context) context.Context { return ctx }
func (m *commandMessage) Deliveries() uint64                          { return 1 }
func (m *commandMessage) Ack(context.Context) error                   { return nil }
func (m *commandMessage) Retry(time.Duration) error                   { return nil }
func (m *commandMessage) Term(reason string) error                    { m.reason = reason; return nil }

// gatewayText returns the detail with which the gateway refuses a request, "" for a valid one.
func gatewayText(t *testing.T, tenants []events.TenantID, data events.RequestData) string {
	t.Helper()
	fields := map[string]any{}
	encoded, err := json.Marshal(data)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(encoded, &fields))
	delete(fields, "mode") // the path determines it
	return gatewayDetail(t, tenants, "/api/sync/"+string(data.Mode), fields)
}

func gatewayDetail(t *testing.T, tenants []events.TenantID, path string, fields map[string]any) string {
	t.Helper()
	g, err := gateway.New(gateway.Options{
		Publisher: refusingPublisher{}, Ledger: unavailableLedger{}, Audit: noAudit{}, Tenants: tenants, Entities: entity.Names(), Logger: zerolog.Nop(),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, listener) }()
	defer func() { stop(); require.NoError(t, <-served) }()

	body, err := json.Marshal(fields)
	require.NoError(t, err)
	response, err := http.Post("http://"+listener.Addr().String()+path, "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	var problem struct{ Detail string }
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(answer, &problem), "%s", answer)
	if response.StatusCode == http.StatusServiceUnavailable { // from the publisher
		return ""
	}
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "%s", answer)
	return problem.Detail
}

type unavailableLedger struct{ gateway.Ledger }

func (unavailableLedger) Workflow(context.Context, string) (ledger.WorkflowState, error) {
	return ledger.WorkflowState{}, errAccepted
}

type refusingPublisher struct{ gateway.Publisher }

func (refusingPublisher) Publish(context.Context, events.Event) error { return errAccepted }

// commandLineText returns the usage error of lazisync request, "" for a valid request.
func commandLineText(t *testing.T, tenants []events.TenantID, data events.RequestData) string {
	t.Helper()
	cfg := &config.Config{}
	for _, id := range tenants {
		cfg.Tenants = append(cfg.Tenants, config.Tenant{ID: id})
	}
	return usageText(t, cli.Request(t.Context(), noBackends{}, cfg, cli.RequestOptions{
		Mode: string(data.Mode), Entities: data.Entities, TenantID: data.TenantID, Channel: data.Channel,
	}, io.Discard))
}

// usageText returns the text of a usage error, "" for a command that is valid.
func usageText(t *testing.T, err error) string {
	t.Helper()
	if errors.Is(err, errAccepted) {
		return ""
	}
	var exit *cli.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, cli.ExitUsage, exit.Code)
	return exit.Message
}

type noBackends struct{ cli.Backends }

func (noBackends) Stream(context.Context) (cli.Stream, error) { return nil, errAccepted }

func (noBackends) Store(context.Context) (cli.Store, error) { return nil, cli.ErrNoDatabase }
