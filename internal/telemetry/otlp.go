package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/internal/config"
)

// OTLP exports the traces and metrics of a process to an OpenTelemetry collector, in the
// background: a collector that does not answer neither slows nor stops the process, and what
// it does not take in time is lost. It is safe for concurrent use.
type OTLP struct {
	traces  *sdktrace.TracerProvider // nil if no traces are exported
	metrics *metric.MeterProvider    // nil if no metrics are exported
}

// StartOTLP starts to export what the configuration wants, and returns at once. role names
// the process. The metrics are those of the registry.
func StartOTLP(c config.OTLPConfig, role string, registry prometheus.Gatherer, log zerolog.Logger) (*OTLP, error) {
	o, about, headers := &OTLP{}, newResource(c, role), map[string]string{}
	for name, value := range c.Headers {
		headers[name] = string(value)
	}
	base := strings.TrimRight(c.Endpoint, "/")
	if c.ExportsTraces() {
		exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(base+"/v1/traces"), otlptracehttp.WithHeaders(headers))
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: export traces: %w", err)
		}
		o.traces = newTracerProvider(c, about, sdktrace.NewBatchSpanProcessor(&spanExporter{next: exporter, log: log}))
	}
	if c.ExportsMetrics() {
		exporter, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"), otlpmetrichttp.WithHeaders(headers))
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: export metrics: %w", err)
		}
		reader := metric.NewPeriodicReader(&metricExporter{Exporter: exporter, log: log},
			metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(registry))))
		o.metrics = metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about))
	}
	return o, nil
}

// newTracerProvider returns a provider that samples as configured.
func newTracerProvider(c config.OTLPConfig, about *resource.Resource, processor sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(sampler(c)), sdktrace.WithSpanProcessor(processor))
}

// TracerProvider returns what creates spans, nil if no traces are exported.
func (o *OTLP) TracerProvider() trace.TracerProvider {
	if o.traces == nil {
		return nil
	}
	return o.traces
}

// Shutdown exports what is left and stops. It returns an error if that is not done before ctx
// ends: the rest is lost.
func (o *OTLP) Shutdown(ctx context.Context) error {
	var errs []error
	if o.traces != nil {
		errs = append(errs, o.traces.Shutdown(ctx))
	}
	if o.metrics != nil {
		errs = append(errs, o.metrics.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// serviceName is the default of OTEL_SERVICE_NAME, and the name of the service that runs all
// roles in one process.
const serviceName = "lazisync"

// newResource returns the attributes of every span and metric of the process.
func newResource(c config.OTLPConfig, role string) *resource.Resource {
	name := serviceName
	if role != "serve" {
		name += "-" + role
	}
	host, _ := os.Hostname()
	attributes := []attribute.KeyValue{
		attribute.String("service.name", cmp.Or(c.ServiceName, c.Attributes["service.name"], name)),
		attribute.String("service.version", Version()),
		attribute.String("service.instance.id", fmt.Sprintf("%s-%d", host, os.Getpid())),
		attribute.String("host.name", host),
		attribute.String("process.runtime.version", runtime.Version()),
		attribute.String("lazisync.role", role),
	}
	for key, value := range c.Attributes {
		if key != "service.name" {
			attributes = append(attributes, attribute.String(key, value)) // the last one of a key applies
		}
	}
	return resource.NewSchemaless(attributes...)
}

// sampler returns the configured sampler.
func sampler(c config.OTLPConfig) sdktrace.Sampler {
	kind, parentBased := strings.CutPrefix(c.Sampler, "parentbased_")
	root := sdktrace.AlwaysSample()
	switch kind {
	case "always_off":
		root = sdktrace.NeverSample()
	case "traceidratio":
		root = sdktrace.TraceIDRatioBased(c.SampleRate)
	}
	if parentBased {
		return sdktrace.ParentBased(root)
	}
	return root
}

// exportTimeout is how long the last export may take when the process stops.
const exportTimeout = 3 * time.Second

// Stop is Shutdown within a few seconds. It logs if something is lost.
func (o *OTLP) Stop(log zerolog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	if err := o.Shutdown(ctx); err != nil {
		log.Warn().Err(err).Msg("traces or metrics of the last seconds are not exported")
	}
}
