package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// enabled exports everything to a collector.
func enabled(url string) config.OTLPConfig {
	return config.OTLPConfig{
		Endpoint: url, Traces: config.OTLP, Metrics: config.OTLP, Sampler: "parentbased_always_on", SampleRate: 1,
		Headers: map[string]config.Secret{"api-key": "k"}, Attributes: map[string]string{"deployment.environment.name": "staging"},
	}
}

func TestTracesAndMetricsAreExported(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	bodies := map[string][]byte{}
	collector := testserver.Start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Api-Key") == "k" {
			bodies[r.URL.Path] = body
		}
	}))

	o, err := StartOTLP(enabled(collector+"/otlp/"), "bridge", NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	_, span := o.TracerProvider().Tracer("test").Start(t.Context(), "process sync.requested")
	span.End()
	require.NoError(t, o.Shutdown(t.Context()))

	var traces tracepb.ExportTraceServiceRequest
	require.NoError(t, proto.Unmarshal(bodies["/otlp/v1/traces"], &traces))
	require.Equal(t, "process sync.requested", traces.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName())
	attributes := map[string]string{}
	for _, a := range traces.GetResourceSpans()[0].GetResource().GetAttributes() {
		attributes[a.GetKey()] = a.GetValue().GetStringValue()
	}
	require.Equal(t, "lazisync-bridge", attributes["service.name"])
	require.Equal(t, "staging", attributes["deployment.environment.name"])

	var metrics metricspb.ExportMetricsServiceRequest
	require.NoError(t, proto.Unmarshal(bodies["/otlp/v1/metrics"], &metrics))
	var names []string
	for _, scope := range metrics.GetResourceMetrics()[0].GetScopeMetrics() {
		for _, m := range scope.GetMetrics() {
			names = append(names, m.GetName())
		}
	}
	require.Contains(t, names, "lazisync_build_info", "the metrics of the registry")
}

func TestNothingIsExportedUnlessConfigured(t *testing.T) {
	t.Parallel()
	on := enabled("http://127.0.0.1:1")
	for name, change := range map[string]func(*config.OTLPConfig){
		"no endpoint": func(c *config.OTLPConfig) { c.Endpoint = "" },
		"disabled":    func(c *config.OTLPConfig) { c.Disabled = true },
		"none":        func(c *config.OTLPConfig) { c.Traces, c.Metrics = "none", "none" },
	} {
		off := on
		change(&off)
		o, err := StartOTLP(off, "worker", NewRegistry(), zerolog.Nop())
		require.NoError(t, err, name)
		require.Nil(t, o.TracerProvider(), name)
		require.NoError(t, o.Shutdown(t.Context()), name)
	}
}

// A collector that takes the connection and never answers must neither block the program nor
// keep it from stopping, and is logged once.
func TestCollectorThatDoesNotAnswerStopsNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	collector := testserver.Start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer close(release)
	c := enabled(collector)
	c.Metrics = "none"
	o, err := StartOTLP(c, "worker", NewRegistry(), zerolog.Nop())
	require.NoError(t, err)

	began := time.Now()
	tracer := o.TracerProvider().Tracer("test")
	for range 20_000 { // ten times the queue
		_, span := tracer.Start(t.Context(), "page")
		span.End()
	}
	require.Less(t, time.Since(began), time.Minute)
	var log bytes.Buffer
	began = time.Now()
	o.Stop(zerolog.New(&log))
	require.Less(t, time.Since(began), 2*exportTimeout)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
}

func TestCollectorOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	next := &failingExporter{err: errors.New("connection refused")}
	e := &spanExporter{next: next, log: zerolog.New(&log)}
	for range 3 {
		require.NoError(t, e.ExportSpans(t.Context(), nil))
	}
	next.err = nil
	for range 2 {
		require.NoError(t, e.ExportSpans(t.Context(), nil))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "connection refused")
	require.Contains(t, lines[1], "takes traces again")
}

type failingExporter struct{ err error }

func (e *failingExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return e.err }
func (e *failingExporter) Shutdown(context.Context) error                             { return nil }

// The text of an error of PostgreSQL may quote a value of a record.
func TestErrorsOfStatementsAreExportedWithoutText(t *testing.T) {
	t.Parallel()
	memory := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(&spanExporter{next: memory, log: zerolog.Nop()}))
	for _, scope := range []string{statementScope, "other"} {
		_, span := provider.Tracer(scope).Start(t.Context(), "INSERT")
		span.RecordError(errors.New(`invalid input syntax: "Jane Doe"`))
		span.SetStatus(codes.Error, `invalid input syntax: "Jane Doe"`)
		span.End()
	}
	spans := memory.GetSpans()
	require.Len(t, spans, 2)
	require.Equal(t, sdktrace.Status{Code: codes.Error}, spans[0].Status)
	require.Empty(t, spans[0].Events)
	require.Len(t, spans[1].Events, 1)
}

func TestSamplers(t *testing.T) {
	t.Parallel()
	for _, name := range config.Samplers {
		description := sampler(config.OTLPConfig{Sampler: name, SampleRate: 0.25}).Description()
		require.Equal(t, strings.HasPrefix(name, "parentbased_"), strings.HasPrefix(description, "ParentBased{"), name)
		for part, want := range map[string]string{"always_on": "AlwaysOnSampler", "always_off": "AlwaysOffSampler", "traceidratio": "TraceIDRatioBased{0.25}"} {
			if strings.HasSuffix(name, part) {
				require.Contains(t, strings.SplitN(description, ",", 2)[0], want, name)
			}
		}
	}
}
