package simulator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lazi/lazisync/internal/entity"
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

// route is what stands behind a path of the API.
type route struct {
	*collection
	feed entity.Feed
}

// New makes a simulated ServiceTitan with its first records. A million records
// take some seconds and about 1.5 GB.
func New(o Options) *Simulator {
	o = o.withDefaults()
	s := &Simulator{
		Business: newBusiness(o),
		options:  o,
		routes:   map[string]route{},
		signKey:  sha256.Sum256(fmt.Appendf(nil, "continueFrom %d %d", o.Seed, o.Tenant)),
		tokens:   accessTokens{lifetime: o.TokenLifetime, expiry: map[string]time.Time{}},
		calls:    callLimit{perSecond: o.RequestsPerSecond},
		stats:    stats{keep: o.RequestLog},
	}
	for _, c := range s.collections {
		s.routes[c.List] = route{c, entity.List}
		s.routes[c.Export] = route{c, entity.Export}
	}
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
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the simulated ServiceTitan on %s: %w", listener.Addr(), err)
	}
	return nil
}

// match finds the operation that a request is for. Paths are those of the
// catalogue with the number of a tenant in place of {tenant}.
func (s *Simulator) match(r *http.Request) (found route, tenant string, ok bool) {
	parts := strings.Split(r.URL.Path, "/") // "", module, version, "tenant", number, …
	if r.Method != http.MethodGet || len(parts) < 6 {
		return route{}, "", false
	}
	tenant, parts[4] = parts[4], "{tenant}"
	found, ok = s.routes[strings.Join(parts, "/")]
	return found, tenant, ok
}
