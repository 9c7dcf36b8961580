package temporalserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/authorization"
	serverconfig "go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/temporal"

	"github.com/lazi/lazisync/dev/ports"
)

// Namespace is registered when the file is made.
const Namespace = "default"

// Retention is how long the namespace keeps closed workflows. A request's
// workflow ID stays taken that long, so it is longer than any stream keeps a request.
const Retention = 30 * 24 * time.Hour

// Options say what to start. Only File is required.
type Options struct {
	// File is the SQLite database; it is made with its folder if it is not there.
	File string
	// Port of the frontend, where clients connect; 0 takes a free one.
	Port int
	// ContinueAsNewAfter is how many events of history a workflow may have before it
	// is told to go on in a new execution; 0 leaves the server's own limit.
	ContinueAsNewAfter int
	// Log receives what the server says; at info it says a lot.
	Log zerolog.Logger
}

// Server is a running Temporal server. Stop it before the process ends.
type Server struct {
	temporal temporal.Server
	addr     string
}

// startLimit is generous for a machine that is busy compiling.
const startLimit = 90 * time.Second

// Start returns when the namespace answers to clients.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.File == "" {
		return nil, errors.New("temporal server: File is empty, want a path for its database")
	}
	if err := prepareFile(o.File); err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
	listen, err := chooseServicePorts(o.Port)
	if err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
	config := serverConfig(o.File, listen)
	authorizer, err := authorization.GetAuthorizerFromConfig(&config.Global.Authorization)
	if err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
	log := serverLog{o.Log}
	s, err := temporal.NewServer(
		temporal.WithConfig(config),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(listen.hosts()),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*serverconfig.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(dynamicConfig(o)),
	)
	if err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("temporal server: %w", err), s.Stop())
	}
	server := &Server{temporal: s, addr: ports.Addr(listen.frontend)}
	if err := server.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// dynamicConfig holds the few settings that suit one process with few task queues.
func dynamicConfig(o Options) dynamicconfig.StaticClient {
	settings := dynamicconfig.StaticClient{
		// One partition per task queue: a task finds its poller without a detour.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// Search attributes can be used as soon as they are added.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
	}
	if o.ContinueAsNewAfter > 0 {
		settings[dynamicconfig.HistoryCountSuggestContinueAsNew.Key()] = o.ContinueAsNewAfter
	}
	return settings
}

// awaitReady asks what a client needs first: health, the namespace, visibility.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.addr, Namespace: Namespace, Logger: sdklog.NewStructuredLogger(discard)})
	if err != nil {
		return fmt.Errorf("temporal server: %w", err)
	}
	defer c.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx, c)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("temporal server does not answer on %s: %w", s.addr, err)
		case <-tick.C:
		}
	}
}

func ask(ctx context.Context, c client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := c.CheckHealth(ctx, nil); err != nil {
		return err
	}
	if _, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: Namespace}); err != nil {
		return err
	}
	_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: Namespace})
	return err
}

// Addr returns host and port of the frontend.
func (s *Server) Addr() string { return s.addr }

// Stop ends all services; it takes a moment, for open polls are let go first.
func (s *Server) Stop() error {
	if err := s.temporal.Stop(); err != nil {
		return fmt.Errorf("stop the temporal server: %w", err)
	}
	return nil
}
