package servicetitan

import (
	"context"
	"net/http"
	"net/url"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// routeKey is the context key of the path of a call with {tenant} in place of the tenant, and
// queryKey that of its query.
type (
	routeKey struct{}
	queryKey struct{}
)

// traced returns a transport with a span for each call. The span does not have the query, which
// may hold a continuation token or ids of records, and no trace context is sent to ServiceTitan.
func traced(next http.RoundTripper, provider trace.TracerProvider) http.RoundTripper {
	if provider == nil {
		return next
	}
	withSpan := otelhttp.NewTransport(withQuery{next},
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			route, _ := r.Context().Value(routeKey{}).(string)
			return r.Method + " " + route
		}))
	return withoutQuery{withSpan}
}

// withoutQuery removes the query of a request, and withQuery restores it.
type (
	withoutQuery struct{ next http.RoundTripper }
	withQuery    struct{ next http.RoundTripper }
)

// RoundTrip implements http.RoundTripper.
func (t withoutQuery) RoundTrip(r *http.Request) (*http.Response, error) {
	address := *r.URL
	return t.next.RoundTrip(readdress(r.WithContext(context.WithValue(r.Context(), queryKey{}, address.RawQuery)), address, ""))
}

// RoundTrip implements http.RoundTripper.
func (t withQuery) RoundTrip(r *http.Request) (*http.Response, error) {
	query, _ := r.Context().Value(queryKey{}).(string)
	return t.next.RoundTrip(readdress(r, *r.URL, query))
}

// readdress returns a copy of a request with another query.
func readdress(r *http.Request, address url.URL, query string) *http.Request {
	again := *r
	address.RawQuery = query
	again.URL = &address
	return &again
}
