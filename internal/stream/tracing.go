package stream

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
)

// tracing creates a span for each published event and for each delivery, named by
// OpenTelemetry's semantic conventions for messaging. Without a tracer it creates none.
type tracing struct{ tracer trace.Tracer }

const instrumentation = "github.com/lazi/lazisync/internal/stream"

func newTracing(provider trace.TracerProvider) tracing {
	if provider == nil {
		return tracing{}
	}
	return tracing{provider.Tracer(instrumentation)}
}

// published is the span of a published event; the zero value is none.
type published struct{ span trace.Span }

// publish begins the span of an event and returns the event with the traceparent of that span.
// The parent is the span that the event names, so that what a request led to stays in the trace
// of the request. It is the current span if the event names none, or one of the same trace.
// Progress has no spans: there is too much of it.
func (t tracing) publish(ctx context.Context, event events.Event) (events.Event, published) {
	definition, known := events.ByType(event.Type())
	if t.tracer == nil || !known || definition.Name == events.Progress.Name {
		return event, published{}
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(append(
		messaging("send", "publish", definition.Subject), attribute.String("messaging.message.id", event.ID()))...)}
	current := trace.SpanContextFromContext(ctx)
	named := trace.SpanContextFromContext(events.WithTraceParent(context.Background(), events.TraceParent(event)))
	if named.IsValid() && named.TraceID() != current.TraceID() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, named)
		if current.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: current}))
		}
	}
	_, span := t.tracer.Start(ctx, "publish "+definition.Subject, options...)
	event = event.Clone()
	events.SetTrace(&event, span.SpanContext())
	return event, published{span}
}

// end ends the span with the result of the publication.
func (p published) end(err error) {
	if p.span == nil {
		return
	}
	if err != nil {
		p.span.SetStatus(codes.Error, err.Error())
	}
	p.span.End()
}

// process begins the span of a delivery, which ends when the message is settled.
func (t tracing) process(m *Message, consumer string) {
	if t.tracer == nil || m.event.Stream == StreamAdvisories {
		return
	}
	_, m.span = t.tracer.Start(events.WithTraceOf(context.Background(), m.event), "process "+m.event.Subject,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(append(messaging("process", "process", m.event.Subject),
			attribute.String("messaging.consumer.group.name", consumer), attribute.Int64("lazisync.deliveries", int64(m.deliveries)))...))
}

// Context returns ctx with the span of the delivery as the current one.
func (m *Message) Context(ctx context.Context) context.Context {
	if m.span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, m.span)
}

// endSpan ends the span of the delivery, once. how is how the message was settled.
func (m *Message) endSpan(how string) {
	if m.span == nil || !m.span.IsRecording() {
		return
	}
	m.span.SetAttributes(attribute.String("lazisync.settlement", how))
	if how != "ack" {
		m.span.SetStatus(codes.Error, "")
	}
	m.span.End()
}

// messaging returns the attributes of every span of a message.
func messaging(kind, name, subject string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "nats"), attribute.String("messaging.operation.type", kind),
		attribute.String("messaging.operation.name", name), attribute.String("messaging.destination.name", subject),
	}
}
