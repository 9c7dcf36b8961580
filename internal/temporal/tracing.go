package temporal

import (
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// tracingInterceptor returns an interceptor with the spans of Temporal's SDK. A workflow carries
// its trace in headers, which are no part of its commands: histories replay with and without it.
// A header that it cannot read, for example of another tracing library, begins a new trace.
func tracingInterceptor(provider trace.TracerProvider) (interceptor.Interceptor, error) {
	i, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer:                  provider.Tracer("temporal-sdk-go"),
		TextMapPropagator:       propagation.TraceContext{},
		DisableBaggage:          true,
		DisableQueryTracing:     true, // the page queries progress all the time
		AllowInvalidParentSpans: true,
	})
	if err != nil {
		return nil, fmt.Errorf("create Temporal's tracing interceptor: %w", err)
	}
	return i, nil
}
