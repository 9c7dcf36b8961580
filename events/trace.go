package events

import (
	"context"
	"regexp"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceContext reads and writes the form of the Distributed Tracing extension.
var traceContext propagation.TraceContext

var traceParentForm = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// IsTraceParent reports whether a text has the form of a traceparent of version 00 of W3C Trace Context.
func IsTraceParent(s string) bool { return traceParentForm.MatchString(s) }

// WithTraceParent returns ctx with the span that a traceparent names as the parent of the next
// span. It returns ctx unchanged if the traceparent is "" or invalid.
func WithTraceParent(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return traceContext.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// TraceParentOf returns the traceparent of the span in ctx, "" if there is none.
func TraceParentOf(ctx context.Context) string {
	fields := propagation.MapCarrier{}
	traceContext.Inject(ctx, fields)
	return fields["traceparent"]
}

// SetTrace sets the Distributed Tracing extension of an event to a span, and removes it if the
// span is invalid.
func SetTrace(event *Event, span trace.SpanContext) {
	fields := propagation.MapCarrier{}
	traceContext.Inject(trace.ContextWithSpanContext(context.Background(), span), fields)
	for _, name := range []string{"traceparent", "tracestate"} {
		if value := fields[name]; value != "" {
			event.SetExtension(name, value)
		} else {
			event.SetExtension(name, nil)
		}
	}
}

// WithTraceOf is WithTraceParent for the event in a message, which need not be valid.
func WithTraceOf(ctx context.Context, m Message) context.Context {
	h, rejection := readHeader(m.Header)
	if rejection != nil {
		return ctx
	}
	fields := propagation.MapCarrier{"traceparent": h[attributePrefix+"traceparent"], "tracestate": h[attributePrefix+"tracestate"]}
	if !h.isBinary() && gjson.GetBytes(m.Data, "specversion").Exists() {
		for name := range fields {
			fields[name] = gjson.GetBytes(m.Data, name).String()
		}
	}
	return traceContext.Extract(ctx, fields)
}
