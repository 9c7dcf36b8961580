package connect

import (
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/telemetry"
)

// FieldPolicy returns the policy for the fields of records.
func FieldPolicy(cfg *config.Config) *servicetitan.FieldPolicy {
	return servicetitan.NewFieldPolicy(cfg.Sync.Fields, servicetitan.Secret(cfg.Sync.FieldsKey))
}

// ServiceTitan returns a client of the ServiceTitan API. It shares the rate budget of each
// tenant with other processes through s, or with none if s is nil. It holds at most pagesInMemory
// pages; 0 for any number.
func ServiceTitan(cfg *config.Config, s *store.Store, pagesInMemory int, recorder servicetitan.Recorder, tracer trace.TracerProvider, log zerolog.Logger) *servicetitan.Client {
	var limiter servicetitan.RateLimiter
	if s != nil {
		limiter = s
	}
	st := cfg.ServiceTitan
	tenants, budgets := map[events.TenantID]servicetitan.Credentials{}, map[events.TenantID]float64{}
	for _, t := range cfg.Tenants {
		tenants[t.ID] = servicetitan.Credentials{
			ClientID: t.ClientID, ClientSecret: servicetitan.Secret(t.ClientSecret), AppKey: servicetitan.Secret(t.AppKey),
		}
		budgets[t.ID] = t.RequestsPerSecond
	}
	return servicetitan.New(servicetitan.Options{
		Environment: servicetitan.Environment(st.Environment), APIURL: st.APIURL, AuthURL: st.AuthURL,
		Tenants: tenants, Budgets: budgets, Fields: FieldPolicy(cfg), RateLimiter: limiter, PagesInMemory: pagesInMemory, Recorder: recorder, Tracer: tracer, Logger: log, UserAgent: "lazisync/" + telemetry.Version(),
	})
}
