package store

import (
	"context"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// statementTracer returns a tracer with a span for each statement within a span: its first word
// and the number of rows, without the statement and its parameters.
func statementTracer(provider trace.TracerProvider) pgx.QueryTracer {
	return otelpgx.NewTracer(otelpgx.WithTracerProvider(provider), otelpgx.WithDisableAcquireTracer(), otelpgx.WithDisableSQLStatementInAttributes())
}

// startTransaction begins the span of a transaction with all of its attempts, if ctx has a span.
// end ends it with the result.
func startTransaction(ctx context.Context, name string) (_ context.Context, end func(error)) {
	current := trace.SpanFromContext(ctx)
	if !current.IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := current.TracerProvider().Tracer("github.com/lazi/lazisync/internal/store").Start(ctx, name)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "") // the text may quote a value of a record
		}
		span.End()
	}
}
