package activities

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// startSlice begins the span of a slice, if the activity has one. A pass of an incremental sync
// may run in a workflow that an earlier request started: the span belongs to the trace of the
// request that the run serves, and links to the activity.
func startSlice(ctx context.Context, run ledger.Run, entity string) (context.Context, trace.Span) {
	current := trace.SpanFromContext(ctx)
	if !current.SpanContext().IsValid() {
		return ctx, current
	}
	options := []trace.SpanStartOption{trace.WithAttributes(
		attribute.String("lazisync.tenant", string(run.TenantID)), attribute.String("lazisync.mode", string(run.Mode)),
		attribute.Int64("lazisync.run", run.Number), attribute.String("lazisync.entity", entity),
	)}
	request := trace.SpanContextFromContext(events.WithTraceParent(context.Background(), run.Traceparent()))
	if request.IsValid() && request.TraceID() != current.SpanContext().TraceID() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, request)
		options = append(options, trace.WithLinks(trace.Link{SpanContext: current.SpanContext()}))
	}
	return current.TracerProvider().Tracer("github.com/lazi/lazisync/activities").Start(ctx, "sync "+entity, options...)
}
