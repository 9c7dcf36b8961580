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

// Simulator is the simulated ServiceTitan.
type Simulator struct {
	*Business
	options Options
	routes  map[string]route
	signKey [32]byte // of continueFrom tokens; the same after a restart

	tokens accessTokens
	calls  callLimit
	faults faults
	stats  stats
	pace   atomic.Int64 // nanoseconds that every page takes longer
	traces atomic.Uint64
}

// Entities are the names of all that is simulated.
func Entities() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// New makes a simulated ServiceTitan with its first records. A million records
// take some seconds and about 1.5 GB. The records of customers, jobs, invoices
// and estimates are made at once, those of other entities when they are first
// asked for.
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

// Serve answers on a listener until ctx ends.
func (s *Simulator) Serve(ctx context.Context, listener net.Listener) error {
	return Tenants{s}.Serve(ctx, listener)
}
