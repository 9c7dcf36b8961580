package notify

import (
	"context"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// startPost begins the span of a post, if ctx has a span. It has the host of the webhook alone:
// the path is a password. end ends the span with the result.
func startPost(ctx context.Context, to WebhookURL) (_ context.Context, end func(*Error)) {
	current := trace.SpanFromContext(ctx)
	if !current.SpanContext().IsValid() {
		return ctx, func(*Error) {}
	}
	host := ""
	if u, err := url.Parse(string(to)); err == nil {
		host = u.Hostname()
	}
	ctx, span := current.TracerProvider().Tracer("github.com/lazi/lazisync/internal/notify").Start(ctx, http.MethodPost,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", http.MethodPost), attribute.String("server.address", host)))
	return ctx, func(failure *Error) {
		if failure != nil {
			span.SetStatus(codes.Error, "") // the text may quote the answer of the receiver
		}
		if failure != nil && failure.Status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", failure.Status))
		}
		span.End()
	}
}

// withTrace returns ctx with the span of the event that a message reports. The span of a digest
// is that of its first event.
func withTrace(ctx context.Context, messages []*message) context.Context {
	return messages[0].sources[0].delivery.Context(ctx)
}
