package connect

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/telemetry"
)

// ServiceTitan returns a client of the ServiceTitan API. It shares the rate budget of each
// tenant with other processes through s, or with none if s is nil.
func ServiceTitan(cfg *config.Config, s *store.Store, recorder servicetitan.Recorder, log zerolog.Logger) *servicetitan.Client {
	var limiter servicetitan.RateLimiter
	if s != nil {
		limiter = rateLimiter{s}
	}
	st := cfg.ServiceTitan
	tenants, budgets := map[string]servicetitan.Credentials{}, map[string]float64{}
	for _, t := range cfg.Tenants {
		tenants[t.ID] = servicetitan.Credentials{
			ClientID: t.ClientID, ClientSecret: servicetitan.Secret(t.ClientSecret), AppKey: servicetitan.Secret(t.AppKey),
		}
		budgets[t.ID] = t.RequestsPerSecond
	}
	return servicetitan.New(servicetitan.Options{
		Environment: servicetitan.Environment(st.Environment), APIURL: st.APIURL, AuthURL: st.AuthURL,
		Tenants: tenants, Budgets: budgets, RateLimiter: limiter, Recorder: recorder, Logger: log, UserAgent: "lazisync/" + telemetry.Version(),
	})
}

// rateLimiter shares rate budgets between processes, in PostgreSQL.
type rateLimiter struct{ store *store.Store }

// Lease implements servicetitan.RateLimiter.
func (l rateLimiter) Lease(ctx context.Context, r servicetitan.LeaseRequest) (servicetitan.LeaseGrant, error) {
	grant, err := l.store.LeaseCalls(ctx, store.LeaseRequest(r))
	return servicetitan.LeaseGrant(grant), err
}

// Throttle implements servicetitan.RateLimiter.
func (l rateLimiter) Throttle(ctx context.Context, tenantID string, perSecond float64, wait time.Duration) error {
	return l.store.ThrottleCalls(ctx, tenantID, perSecond, wait)
}
