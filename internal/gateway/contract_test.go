package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/schemas"
)

// contract has the parts of schemas/openapi.json that the tests use.
type contract struct {
	Paths      map[string]map[string]operation
	Components struct {
		Responses map[string]response
		Schemas   map[string]struct{ Properties map[string]json.RawMessage }
	}
	compiling *sync.Mutex // a compiler caches schemas and is not safe for concurrent use
	compiler  *jsonschema.Compiler
}

type operation struct {
	Security    []map[string][]string
	RequestBody struct{ Content map[string]media }
	Responses   map[string]response
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]media
}

type media struct {
	Example  json.RawMessage
	Examples map[string]struct{ Value json.RawMessage }
}

func readContract(t *testing.T) contract {
	t.Helper()
	var c contract
	require.NoError(t, json.Unmarshal(schemas.OpenAPI, &c))
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.OpenAPI))
	require.NoError(t, err)
	c.compiling, c.compiler = &sync.Mutex{}, jsonschema.NewCompiler()
	c.compiler.AssertFormat()
	require.NoError(t, c.compiler.AddResource("openapi.json", document))
	return c
}

// fits validates a value with the schema at a path of the document.
func (c contract) fits(t *testing.T, text []byte, place ...string) {
	t.Helper()
	pointer := "openapi.json#"
	for _, step := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(step)
	}
	c.compiling.Lock()
	schema, err := c.compiler.Compile(pointer)
	c.compiling.Unlock()
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, "%s", text)
	require.NoError(t, schema.Validate(value), "%s", text)
}

func TestOpenAPIListsTheRoutes(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	s := open(t, func(o *Options) { o.Metrics = http.NotFoundHandler() })
	served := map[string]bool{}
	for _, r := range s.gateway.routes() {
		path := strings.TrimSuffix(r.path, "{$}")
		served[r.method+" "+path] = true
		op, described := c.Paths[path][strings.ToLower(r.method)]
		require.True(t, described, "%s %s is not in openapi.json", r.method, path)
		requireAccess := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { _, ok := s["bearer"]; return ok })
		require.Equal(t, r.access != public, requireAccess, "security of %s %s", r.method, path)
	}
	for path, methods := range c.Paths {
		for method := range methods {
			require.True(t, served[strings.ToUpper(method)+" "+path], "%s %s is not served", method, path)
		}
	}
}

// A body has the properties of the event except those that the path determines.
func TestOpenAPIBodiesMatchTheEventSchemas(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for name, want := range map[string]struct {
		event *events.Definition
		path  []string
	}{
		"Request": {events.Requested.Definition, []string{"mode"}},
		"Control": {events.Control.Definition, []string{"action", "workflowId", "requestId"}},
	} {
		raw, err := schemas.Files.ReadFile(want.event.Schema)
		require.NoError(t, err)
		var schema struct{ Properties map[string]json.RawMessage }
		require.NoError(t, json.Unmarshal(raw, &schema))
		maps.DeleteFunc(schema.Properties, func(name string, _ json.RawMessage) bool { return slices.Contains(want.path, name) })
		require.Equal(t, slices.Sorted(maps.Keys(schema.Properties)), slices.Sorted(maps.Keys(c.Components.Schemas[name].Properties)))
		if name == "Request" { // those of a control have other descriptions
			for field, rule := range schema.Properties {
				require.JSONEq(t, string(rule), string(c.Components.Schemas[name].Properties[field]), field)
			}
		}
	}
}

// Every example of a request body is accepted, and every response matches its description.
func TestOpenAPIRequestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	tried := 0
	for path, methods := range c.Paths {
		for method, op := range methods {
			for name, e := range op.RequestBody.Content["application/json"].Examples {
				tried++
				t.Run(path+" "+name, func(t *testing.T) {
					t.Parallel()
					s := open(t, nil)
					s.fakeLedger.fail = errors.New("database unavailable")
					body := string(e.Value)
					got := s.send(strings.ToUpper(method), filled(path), body, "X-ServiceTitan-Signature", hexOf(testKey, body))
					require.Equal(t, 2, got.status/100, got.body)
					c.fits(t, []byte(got.body), "paths", path, method, "responses", strconv.Itoa(got.status), "content", "application/json", "schema")
					c.fits(t, e.Value, "paths", path, method, "requestBody", "content", "application/json", "schema")
					if !strings.Contains(path, "/schedules/") && !strings.Contains(path, "/deadletters/") { // which publish no event of their own
						require.Len(t, s.fakeStream.events(), 1)
					}
				})
			}
		}
	}
	require.Greater(t, tried, 20)
}

func filled(path string) string {
	return strings.NewReplacer("{tenant}", "1001", "{workflowId}", "full-sync-1", "{requestId}", "r1", "{runNumber}", "2", "{name}", "sync.control.v1", "{scheduleId}", "lazisync-full-1001", "{sequence}", "7").Replace(path)
}

func TestOpenAPIResponseExamplesMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for path, methods := range c.Paths {
		for method, op := range methods {
			for status, r := range op.Responses {
				for kind, m := range r.Content {
					if kind == "text/event-stream" {
						continue
					}
					for _, e := range m.Examples {
						c.fits(t, e.Value, "paths", path, method, "responses", status, "content", kind, "schema")
					}
				}
			}
		}
	}
}

func TestResponsesMatchOpenAPI(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	s := open(t, func(o *Options) {
		o.Ready = probe.New("gateway", o.Logger, probe.Probe{Name: "nats", Check: func(context.Context) error { return nil }})
	})
	receipt := ledger.Receipt{Request: ledger.Request{ID: "r1", Source: "/s", EventID: "e", TenantID: "1001", Mode: events.Full, State: ledger.Accepted}}
	s.fakeLedger.hold("r1", receipt)
	s.fakeLedger.runs = []ledger.Run{
		{
			Number: 1, TenantID: "1001", Mode: events.Full, WorkflowID: "w", FirstRunID: "f", State: ledger.Running, StartedAt: today,
			Results: []events.Result{{Entity: "jobs", Counts: events.Counts{Pages: 3, Fetched: 150}}},
		},
		{
			Number: 2, TenantID: "1001", Mode: events.Full, WorkflowID: "w", FirstRunID: "f", State: ledger.Failed,
			StartedAt: today, FinishedAt: today.Add(time.Minute), Reason: "x",
			Results: []events.Result{{Entity: "jobs", Status: "failed", Error: &events.RunError{Type: "ApiError", Message: "m", Entity: "jobs"}}},
			Error:   &events.RunError{Type: "ApiError", Message: "m"},
		},
	}
	s.fakeLedger.states = []ledger.EntityState{{TenantID: "1001", Entity: "jobs", Status: "completed", Records: 3, LastFullSync: today}}
	s.fakeLedger.outages = []ledger.Outage{{TenantID: "1001", Entities: []ledger.OutageEntity{{Entity: "jobs"}}, Since: today, Cause: "no worker runs"}}
	s.fakeLedger.rejected = []ledger.RejectedRecord{{Run: 2, TenantID: "1001", Entity: "jobs", RecordID: "5", Reason: "bad date", Bytes: 9, At: today}}
	s.fakeLedger.newFields = []ledger.NewField{{TenantID: "1001", Entity: "jobs", Field: "address.plus4", FirstSeenAt: today, Run: 2}}
	started, err := s.fakeLedger.runs[1].StartedEvents()
	require.NoError(t, err)
	s.history = []events.Message{messageOf(t, started[0])}
	s.fakeTemporal.workflows[0].Retries = []ledger.Retry{{Activity: "SyncSlice", Attempt: 3, LastError: "503", NextAttempt: &today}}
	s.fakeTemporal.workflows[0].Progress = &ledger.Progress{Entities: []ledger.EntityProgress{
		{Entity: "jobs", Phase: events.PhaseReading, Total: 7, Waiting: &events.Waiting{Why: events.WaitBusy}},
		{Entity: "customers", Phase: events.PhaseQueued},
	}}
	require.Equal(t, 202, s.send(http.MethodPost, "/sync/full", `{"reason":"x"}`).status)
	require.Equal(t, 422, s.send(http.MethodPost, "/sync/full", `{"x":1}`).status)
	for path, methods := range c.Paths {
		if _, isJSON := methods["get"].Responses["200"].Content["application/json"]; !isJSON {
			continue
		}
		got := s.send(http.MethodGet, filled(path), "")
		require.Equal(t, http.StatusOK, got.status, "%s: %s", path, got.body)
		c.fits(t, []byte(got.body), "paths", path, "get", "responses", "200", "content", "application/json", "schema")
	}
	receipt.Outcome = &ledger.Outcome{State: ledger.Completed, RunNumber: 2}
	s.fakeLedger.hold("r1", receipt)
	got := s.send(http.MethodGet, "/api/sync/requests/r1", "")
	c.fits(t, []byte(got.body), "components", "schemas", "RequestState")
}

// Each problem in the document is a response of the gateway.
func TestOpenAPIProblemsMatchTheGateway(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	plain := func(method, path, body string, headers ...string) func(t *testing.T) answer {
		return func(t *testing.T) answer { return open(t, nil).send(method, path, body, headers...) }
	}
	real := map[string]func(t *testing.T) answer{
		"NotJSON":  plain("POST", "/sync/full", "[]"),
		"BadQuery": plain("GET", "/api/sync/runs?limt=5", ""),
		"Unauthorized": func(t *testing.T) answer {
			return open(t, func(o *Options) { o.Tokens = []Token{NewToken("a", Operator, "b")} }).send("GET", "/api/sync/runs", "")
		},
		"BadSignature": plain("POST", "/webhooks/servicetitan", "{}"),
		"Forbidden":    plain("GET", "/api/sync/runs", "", "Host", "lazisync.example.com"),
		"OperatorOnly": func(t *testing.T) answer {
			return open(t, withRoles).as("dash", "POST", "/sync/full", "")
		},
		"NotFound":             plain("GET", "/api/sync/requests/0000", ""),
		"NoWebhook":            plain("POST", "/webhooks/servicetitan/2002", "{}"),
		"TooLarge":             plain("POST", "/sync/full", `{"reason":"`+strings.Repeat("x", maxBody)+`"}`),
		"UnsupportedMediaType": plain("POST", "/sync/full", "full", "Content-Type", "text/plain"),
		"InvalidData":          plain("POST", "/sync/full", `{"entitys":["jobs"]}`),
		"KeyReused": func(t *testing.T) answer {
			s := open(t, nil)
			s.fakeLedger.hold(events.RequestID("/lazisync/gateway", "k"), ledger.Receipt{Request: ledger.Request{Mode: events.Incremental}})
			return s.send("POST", "/sync/full", "{}", "Idempotency-Key", "k")
		},
		"Unavailable": func(t *testing.T) answer {
			s := open(t, nil)
			s.fakeStream.refuse = errors.New("full")
			return s.send("POST", "/sync/full", "{}")
		},
		"TooSlow": func(t *testing.T) answer { return slowly(t, open(t, nil)) },
		"Finished": func(t *testing.T) answer {
			s := open(t, nil)
			s.fakeTemporal.workflows[0].Status = "completed"
			return s.send("POST", "/api/temporal/workflows/full-sync-1/cancel", "")
		},
		"Overlap": func(t *testing.T) answer {
			s := open(t, nil)
			s.fakeTemporal.overlaps = true
			return s.send("POST", "/api/temporal/schedules/lazisync-full-1001/trigger", "")
		},
	}
	require.Equal(t, slices.Sorted(maps.Keys(c.Components.Responses)), slices.Sorted(maps.Keys(real)))
	for name, provoke := range real {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			example := c.Components.Responses[name].Content["application/problem+json"].Example
			got := provoke(t)
			require.JSONEq(t, string(example), got.body)
			c.fits(t, example, "components", "schemas", "Problem")
		})
	}
}

// slowly sends half a body to a server with a short read timeout.
func slowly(t *testing.T, s *testServer) answer {
	t.Helper()
	connection, err := net.Dial("tcp", serveWithin(t, s, 500*time.Millisecond, 0))
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprint(connection, "POST /sync/full HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func TestOpenAPIAndAsyncAPIAreServed(t *testing.T) {
	t.Parallel()
	s := open(t, func(o *Options) { o.Tokens = []Token{NewToken("a", Operator, "b")} })
	for path, text := range map[string][]byte{"/openapi.json": schemas.OpenAPI, "/asyncapi.json": schemas.AsyncAPI} {
		got := s.send(http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
		require.Equal(t, string(text), got.body)
	}
}

// Responses are open like events: a later version may add a property or a value. Bodies and
// parameters are strict.
func TestOpenAPIResponsesAllowAdditionalProperties(t *testing.T) {
	t.Parallel()
	var document map[string]any
	require.NoError(t, json.Unmarshal(schemas.OpenAPI, &document))
	var closed []string
	var walk func(node any, place string)
	walk = func(node any, place string) {
		switch n := node.(type) {
		case map[string]any:
			if n["additionalProperties"] == false || n["enum"] != nil {
				closed = append(closed, place)
			}
			for name, inner := range n {
				if name != "parameters" && name != "requestBody" && name != "example" && name != "examples" {
					walk(inner, place+"/"+name)
				}
			}
		case []any:
			for i, inner := range n {
				walk(inner, fmt.Sprint(place, "/", i))
			}
		}
	}
	walk(document, "")
	slices.Sort(closed)
	require.Equal(t, []string{"/components/schemas/Control", "/components/schemas/Reason", "/components/schemas/Request"}, closed)
}
