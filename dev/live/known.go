package live

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/simulator"
)

// known is a simulated ServiceTitan with all known fields.
type known struct {
	client *servicetitan.Client
}

// handlerTransport lets a handler respond to the requests of a client, without a network.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	received, response := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body), httptest.NewRecorder()
	received.Header = r.Header
	h.ServeHTTP(response, received)
	return response.Result(), nil
}

var knownTenant = events.TenantID(strconv.Itoa(simulator.DefaultTenant))

func newKnown() *known {
	sim := simulator.New(simulator.Options{RecordsPerEntity: 200, RequestsPerSecond: -1})
	const url = "http://simulator"
	return &known{client: servicetitan.New(servicetitan.Options{
		APIURL: url, AuthURL: url, RequestsPerSecond: 1e6, HTTP: &http.Client{Transport: handlerTransport{sim.Handler()}},
		Tenants: map[events.TenantID]servicetitan.Credentials{knownTenant: {
			ClientID: simulator.DefaultClientID, ClientSecret: simulator.DefaultClientSecret, AppKey: simulator.DefaultAppKey,
		}},
	})}
}

// fields returns the known fields of a feed or list.
func (k *known) fields(ctx context.Context, e entity.Entity, feed entity.Feed) ([]string, error) {
	page, err := k.client.Page(ctx, knownTenant, e, entity.Cursor{Feed: feed}, false)
	if err != nil {
		return nil, fmt.Errorf("known fields of %s: %w", e.Name, err)
	}
	return fields(page), nil
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
