package servicetitan

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// The spans of calls are children of the current span, and have neither the query, the token nor
// the secrets. ServiceTitan receives the query and no trace context.
func TestSpansOfCalls(t *testing.T) {
	t.Parallel()
	var queries []string
	server := testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
			if r.Header.Get(name) != "" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
		}
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"access_token": "t0ken", "expires_in": 900}`)
			return
		}
		queries = append(queries, r.URL.RawQuery)
		_, _ = io.WriteString(w, `{"hasMore": false, "continueFrom": "next", "data": []}`)
	}))
	memory := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(memory))
	c := New(Options{
		APIURL: server, AuthURL: server, Tracer: provider,
		Tenants: map[events.TenantID]Credentials{"7": {ClientID: "cid", ClientSecret: "s3cret", AppKey: "k3y"}},
	})
	customers, found := entity.Find("customers")
	require.True(t, found)
	ctx, parent := provider.Tracer("test").Start(t.Context(), "sync customers")
	_, err := c.Page(ctx, "7", customers, entity.Cursor{Feed: entity.Export, Token: "p0sition"}, false)
	require.NoError(t, err)
	parent.End()

	require.Len(t, queries, 1)
	require.Contains(t, queries[0], "p0sition")
	var names []string
	for _, span := range memory.GetSpans() {
		if span.Name == "sync customers" {
			continue
		}
		names = append(names, span.Name)
		require.Equal(t, parent.SpanContext().SpanID(), span.Parent.SpanID(), span.Name)
		for _, secret := range []string{"p0sition", "from=", "t0ken", "s3cret", "k3y"} {
			require.NotContains(t, fmt.Sprint(span.Attributes, span.Events, span.Status), secret)
		}
	}
	require.Equal(t, []string{"POST /connect/token", "GET /crm/v2/tenant/{tenant}/export/customers"}, names)
}
