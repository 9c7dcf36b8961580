package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lazi/lazisync/internal/gateway"
)

// adminJob serves health and metrics on the role's admin address, which it binds at
// once.
func (p *process) adminJob(role Role) (job, string, error) {
	addr := p.cfg.HTTP.AdminAddr
	if addr == "" {
		addr = role.Admin
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, "", fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	server := &http.Server{
		Handler:           gateway.Health(p.ready, p.metricsHandler()),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	return func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		select {
		case err := <-done:
			return fmt.Errorf("serve health and metrics on %s: %w", addr, err)
		case <-ctx.Done():
			return server.Close() // answers at once, or never
		}
	}, l.Addr().String(), nil
}

func (p *process) metricsHandler() http.Handler {
	return promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{})
}

// newMetrics is a registry with what every Go process tells of itself, and our version.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	return r
}
