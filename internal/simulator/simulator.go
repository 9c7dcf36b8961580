package simulator

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Simulator is a simulated ServiceTitan API.
type Simulator struct {
	*Business
	options Options
	routes  map[string]route
	signKey [32]byte // of continueFrom tokens; follows from the seed, so that a restart keeps it

	tokens accessTokens
	calls  callLimit
	faults faults
	added  addedFields
	stats  stats
	pace   atomic.Int64 // delay of every page, in nanoseconds
	traces atomic.Uint64
}

// Entities returns the names of all simulated entities.
func Entities() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// New returns a Simulator with its initial records. A million records take some seconds and
// about 1.5 GB. New generates the records of customers, jobs, invoices and estimates; those of
// other entities are generated on their first request.
func New(o Options) *Simulator {
	o = o.withDefaults()
	s := &Simulator{
		Business: newBusiness(o),
		options:  o,
		signKey:  sha256.Sum256(fmt.Appendf(nil, "continueFrom %d %d", o.Seed, o.Tenant)),
		tokens:   accessTokens{lifetime: o.TokenLifetime, expiry: map[string]time.Time{}},
		calls:    callLimit{perSecond: o.RequestsPerSecond},
		stats:    stats{keep: o.RequestLog},
	}
	s.routes = s.world.routes()
	return s
}

// Handler serves the token endpoint, the API and the admin routes.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /connect/token", s.serveToken)
	s.adminRoutes(mux)
	mux.HandleFunc("/", s.serveAPI)
	return mux
}

// Serve serves a listener until ctx ends.
func (s *Simulator) Serve(ctx context.Context, listener net.Listener) error {
	return Tenants{s}.Serve(ctx, listener)
}
