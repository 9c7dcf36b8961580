package temporalui

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"

	"github.com/lazi/lazisync/dev/ports"
)

// Options say what to show and where.
type Options struct {
	// TemporalAddr is host and port of the server's frontend.
	TemporalAddr string
	// Namespace is the one shown first.
	Namespace string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
}

// Server is the running web page. Stop it before the process ends.
type Server struct {
	ui    *server.Server
	url   string
	ended chan struct{}
}

const startLimit = 90 * time.Second

// Start returns when the page answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	// The library ends the process over a port that is taken, so look first.
	p, err := ports.Find(ports.Request{Name: "temporal web page", Port: o.Port, Set: o.Port != 0})
	if err != nil {
		return nil, err
	}
	s := &Server{
		ui: server.NewServer(server_options.WithConfigProvider(provider{&config.Config{
			Host:                ports.Host,
			Port:                p.Number,
			TemporalGRPCAddress: o.TemporalAddr,
			DefaultNamespace:    o.Namespace,
			EnableUI:            true,
			DisableNewsFetch:    true,
			HideLogs:            true,
			CORS:                config.CORS{CookieInsecure: true}, // plain HTTP on the loopback
		}})),
		url:   "http://" + p.Addr(),
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		_ = s.ui.Start() // it never returns an error but ends the process
	}()
	if err := s.awaitReady(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.healthy(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("temporal web page does not answer on %s: %w", s.url, ctx.Err())
		case <-tick.C:
		}
	}
}

func (s *Server) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// URL returns where the page is.
func (s *Server) URL() string { return s.url }

// Stop closes all connections and returns when the page is gone.
func (s *Server) Stop() {
	s.ui.Stop()
	<-s.ended
}

// provider hands over the configuration in the way the library wants it.
type provider struct{ config *config.Config }

func (p provider) GetConfig() (*config.Config, error) { return p.config, nil }
