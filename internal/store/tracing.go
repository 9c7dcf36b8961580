package store

import (
	"context"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// statementTracer creates a span for each statement of a transaction that has a span: its first
// word and the number of rows, without the statement and its parameters.
type statementTracer struct{ spans *otelpgx.Tracer }

func newStatementTracer(provider trace.TracerProvider) statementTracer {
	return statementTracer{otelpgx.NewTracer(otelpgx.WithTracerProvider(provider), otelpgx.WithDisableSQLStatementInAttributes())}
}

// TraceQueryStart implements pgx.QueryTracer. The parent is the transaction of the connection,
// since statements run with the context of the caller of the transaction.
func (t statementTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if span, ok := conn.PgConn().CustomData()[transactionKey].(trace.Span); ok {
		ctx = trace.ContextWithSpan(ctx, span)
	}
	return t.spans.TraceQueryStart(ctx, conn, data)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t statementTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	t.spans.TraceQueryEnd(ctx, conn, data)
}

// transactionKey is the key of the span of the current transaction among the data of a connection.
const transactionKey = "lazisync.transaction"

// setTransaction makes the span in ctx that of the statements on a connection, until unset is
// called.
func setTransaction(ctx context.Context, conn *pgx.Conn) (unset func()) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return func() {}
	}
	data := conn.PgConn().CustomData()
	data[transactionKey] = span
	return func() { delete(data, transactionKey) }
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
