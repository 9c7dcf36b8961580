package app

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lazi/lazisync/internal/gateway"
)

// admin serves health and metrics on the admin address, which it binds at once.
func (p *process) admin() (part, string, error) {
	addr := cmp.Or(p.cfg.HTTP.AdminAddr, p.role.AdminAddr)
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
			return server.Close() // its responses take no time
		}
	}, l.Addr().String(), nil
}

func (p *process) metricsHandler() http.Handler {
	return promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{})
}
