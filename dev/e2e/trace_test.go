package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// One trace leads from the traceparent of a publisher through every role to the call of Slack.
func TestOneTraceFromThePublisherToSlack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode     string
		workflow []string // spans between the activities and the bridge
		page     string   // a statement of a page, which is empty in the incremental
	}{
		"full":        {"full", []string{"RunWorkflow:FullSync", "StartWorkflow:FullSync"}, "WITH"},
		"incremental": {"incremental", []string{"RunWorkflow:IncrementalSync", "SignalWithStartWorkflow:IncrementalSync"}, "COMMIT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const traceID, publisher = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
			w := newFixture(t, options{simulator: simulator.Options{RecordsPerEntity: 20}})
			spans := startCollector(t)
			var roles []*process
			for _, role := range []string{"bridge", "worker", "notifier"} {
				roles = append(roles, w.start(t, role, "OTEL_EXPORTER_OTLP_ENDPOINT="+spans.url))
			}
			if c.mode == "incremental" {
				w.full(t) // an entity must have been read whole before
				_, err := w.stack.Slack.Await(t.Context(), func(fakeslack.Message) bool { return true })
				require.NoError(t, err)
			}
			before := len(w.stack.Slack.Messages())
			data := fmt.Sprintf(`{"mode":%q,"entities":["customers"],"notify":true}`, c.mode)
			require.NoError(t, w.nc.PublishMsg(message("sync.requested", data,
				"Content-Type", "application/json", "ce-specversion", "1.0", "ce-id", "traced", "ce-source", testSource,
				"ce-type", "com.lazi.sync.requested.v1", "ce-traceparent", "00-"+traceID+"-"+publisher+"-01")))
			_, err := w.stack.Slack.Await(t.Context(), func(fakeslack.Message) bool { return len(w.stack.Slack.Messages()) > before })
			require.NoError(t, err)
			received, completed := await(t, w, "sync.completed", func(d struct {
				WorkflowID string
				Requests   []struct{ ID string }
			}) bool {
				return len(d.Requests) == 1 && d.Requests[0].ID == "traced"
			})
			// The worker that begins a workflow exports its span when the workflow ends.
			require.NoError(t, w.temporal.GetWorkflow(t.Context(), completed.WorkflowID, "").Get(t.Context(), nil))
			for _, role := range roles {
				role.stop(t) // exports the last spans
			}

			all := spans.of(traceID)
			// from a span to its parents, up to the publisher
			chain := func(names ...string) {
				t.Helper()
				parents := []string{publisher}
				for _, name := range slices.Backward(names) {
					parents = all.below(name, parents)
					require.NotEmpty(t, parents, "no span %q below the one after it in %q; the trace:\n%s", name, names, all)
				}
			}
			workflow := append(c.workflow, "process sync.requested")
			chain("publish sync.accepted", "process sync.requested")
			chain(append([]string{"publish sync.started", "RunActivity:BeginRun", "StartActivity:BeginRun"}, workflow...)...)
			slice := append([]string{"sync customers", "RunActivity:SyncSlice", "StartActivity:SyncSlice"}, workflow...)
			chain(append([]string{"GET /crm/v2/tenant/{tenant}/export/customers"}, slice...)...)
			chain(append([]string{c.page, "store_page"}, slice...)...)
			outcome := append([]string{"publish sync.completed", "RunActivity:FinishRun", "StartActivity:FinishRun"}, workflow...)
			chain(append([]string{"POST", "process sync.completed"}, outcome...)...)
			require.Equal(t, map[string]bool{"lazisync-bridge": true, "lazisync-worker": true, "lazisync-notifier": true}, all.services())

			require.Equal(t, all.ids("publish sync.completed"), []string{strings.Split(received.TraceParent, "-")[2]}, "the event names its span")
			requireNoSecrets(t, w, spans)
		})
	}
}

// requireNoSecrets requires that no span has a secret or a value of a record.
func requireNoSecrets(t *testing.T, w *fixture, c *collector) {
	t.Helper()
	database, err := url.Parse(w.stack.Variable("DATABASE_URL"))
	require.NoError(t, err)
	password, _ := database.User.Password()
	slack, err := url.Parse(w.stack.Slack.URL())
	require.NoError(t, err)
	forbidden := []string{
		password, slack.Path, w.stack.Variable("SERVICETITAN_CLIENT_SECRET"), w.stack.Variable("SERVICETITAN_APP_KEY"),
		"from=", "includeRecentChanges", // queries of calls
		"insert into", "select ", // statements
	}
	rows, err := w.sql.Query(t.Context(), "select name from raw.st_customers where name is not null")
	require.NoError(t, err)
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		forbidden = append(forbidden, name)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(forbidden), 10)
	text := strings.ToLower(c.String())
	for _, secret := range forbidden {
		require.NotEmpty(t, secret)
		require.NotContains(t, text, strings.ToLower(secret))
	}
}

// collector receives spans as an OpenTelemetry collector does.
type collector struct {
	url   string
	mu    sync.Mutex
	spans []span
}

// span is a span with the service that exported it.
type span struct {
	*tracepb.Span
	service string
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	server := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collectorpb.ExportTraceServiceRequest
		if err == nil && r.URL.Path == "/v1/traces" {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.add(&request)
	}))
	c.url = server
	return c
}

func (c *collector) add(r *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		i := slices.IndexFunc(resource.GetResource().GetAttributes(), func(a *commonpb.KeyValue) bool { return a.GetKey() == "service.name" })
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{s, resource.GetResource().GetAttributes()[i].GetValue().GetStringValue()})
			}
		}
	}
}

// String returns everything that was exported.
func (c *collector) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, s := range c.spans {
		fmt.Fprintln(&b, s.Span)
	}
	return b.String()
}

// traceSpans are the spans of one trace.
type traceSpans []span

func (c *collector) of(traceID string) (all traceSpans) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == traceID {
			all = append(all, s)
		}
	}
	return all
}

// below returns the ids of the spans with a name that have one of the parents.
func (all traceSpans) below(name string, parents []string) (ids []string) {
	for _, s := range all {
		if s.GetName() == name && slices.Contains(parents, hex.EncodeToString(s.GetParentSpanId())) {
			ids = append(ids, hex.EncodeToString(s.GetSpanId()))
		}
	}
	return ids
}

func (all traceSpans) ids(name string) (ids []string) {
	for _, s := range all {
		if s.GetName() == name {
			ids = append(ids, hex.EncodeToString(s.GetSpanId()))
		}
	}
	return ids
}

func (all traceSpans) services() map[string]bool {
	names := map[string]bool{}
	for _, s := range all {
		names[s.service] = true
	}
	return names
}

// String lists the spans with their parents.
func (all traceSpans) String() string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%x < %x %s %s\n", s.GetSpanId(), s.GetParentSpanId(), s.service, s.GetName())
	}
	return b.String()
}
