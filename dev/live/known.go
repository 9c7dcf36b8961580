package live

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/simulator"
)

// known is a simulated ServiceTitan with all known fields.
type known struct {
	server *httptest.Server
	client *servicetitan.Client
}

const knownTenant = simulator.DefaultTenant

func newKnown() *known {
	sim := simulator.New(simulator.Options{RecordsPerEntity: 200, RequestsPerSecond: -1})
	server := httptest.NewServer(sim.Handler())
	return &known{server: server, client: servicetitan.New(servicetitan.Options{
		APIURL: server.URL, AuthURL: server.URL, RequestsPerSecond: 1e6,
		Tenants: map[string]servicetitan.Credentials{strconv.Itoa(knownTenant): {
			ClientID: simulator.DefaultClientID, ClientSecret: simulator.DefaultClientSecret, AppKey: simulator.DefaultAppKey,
		}},
	})}
}

func (k *known) close() { k.server.Close() }

// fields returns the known fields of a feed or list.
func (k *known) fields(ctx context.Context, e entity.Entity, feed entity.Feed) ([]string, error) {
	page, err := k.client.Page(ctx, strconv.Itoa(knownTenant), e, entity.Cursor{Feed: feed}, false)
	if err != nil {
		return nil, fmt.Errorf("known fields of %s: %w", e.Name, err)
	}
	return fields(page), nil
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
