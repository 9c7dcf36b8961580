package telemetry

import (
	"context"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/lazi/lazisync/internal/outage"
)

// spanExporter exports spans without what may quote a record, and logs an outage of the
// collector once.
type spanExporter struct {
	next   sdktrace.SpanExporter
	log    zerolog.Logger
	outage outage.Detector
}

// ExportSpans implements sdktrace.SpanExporter. It returns no error, because its caller would
// only print it.
func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	redacted := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		redacted[i] = redact(span)
	}
	logExport(&e.outage, e.log, "traces", e.next.ExportSpans(ctx, redacted))
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e *spanExporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

// statementScope is the instrumentation of PostgreSQL statements.
const statementScope = "github.com/exaring/otelpgx"

// redact returns a span without the text of an error of PostgreSQL, which may quote a value of
// a record. The SQLSTATE stays.
func redact(span sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	if span.InstrumentationScope().Name != statementScope {
		return span
	}
	return redactedSpan{span}
}

type redactedSpan struct{ sdktrace.ReadOnlySpan }

// Events returns none: those of a statement have only the text of its error.
func (redactedSpan) Events() []sdktrace.Event { return nil }

// Status returns the status without the text of its error.
func (s redactedSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}

// metricExporter logs an outage of the collector once.
type metricExporter struct {
	metric.Exporter
	log    zerolog.Logger
	outage outage.Detector
}

// Export implements metric.Exporter. It returns no error, because its caller would only print
// it.
func (e *metricExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	logExport(&e.outage, e.log, "metrics", e.Exporter.Export(ctx, all))
	return nil
}

// logExport logs when a collector stops taking a signal and when it takes it again.
func logExport(o *outage.Detector, log zerolog.Logger, signal string, err error) {
	if err != nil {
		if o.Fail() {
			log.Warn().Err(err).Msg("OpenTelemetry collector does not take " + signal + ", they are lost until it does")
		}
		return
	}
	if lasted, ended := o.Succeed(); ended {
		log.Info().Int64("duration_ms", lasted.Milliseconds()).Msg("OpenTelemetry collector takes " + signal + " again")
	}
}
