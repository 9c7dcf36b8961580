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

// Namespace is the namespace in a new database.
const Namespace = "default"

// Retention is the retention of closed workflows. It is longer than that of commands in NATS, so
// that a redelivered command finds its workflow.
const Retention = 30 * 24 * time.Hour

// Options configure a server. File or PostgresURL is required.
type Options struct {
	// File is the path of the SQLite database. Start creates it if it does not exist.
	File string
	// PostgresURL is a PostgreSQL server with the databases Database and VisibilityDatabase, used
	// instead of File. Start creates the tables if they do not exist.
	PostgresURL string
	// Unsafe flushes File to the disk at checkpoints only, which is faster, for tests: a power failure loses the
	// commits since the last one. A killed process loses nothing. By default, each commit is flushed.
	Unsafe bool
	// Port of the frontend, to which clients connect; 0 selects a free one.
	Port int
	// ContinueAsNewAfter is the number of history events after which the server suggests
	// continue-as-new; 0 means the server's default.
	ContinueAsNewAfter int
	// Log receives the log of the server, which is verbose at level info.
	Log zerolog.Logger
}

// Server is a running Temporal server. Stop it before the process ends.
type Server struct {
	temporal temporal.Server
	addr     string
}

// startTimeout allows for a machine that is busy compiling.
const startTimeout = 90 * time.Second

// Start starts a server and returns when clients can use the namespace.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.prepare(); err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
	listen, err := chooseServicePorts(o.Port)
	if err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
	config, err := serverConfig(o, listen)
	if err != nil {
		return nil, fmt.Errorf("temporal server: %w", err)
	}
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
	if o.PostgresURL != "" {
		err = server.registerNamespace(ctx)
	}
	if err == nil {
		err = server.awaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// prepare creates the tables.
func (o Options) prepare() error {
	switch {
	case o.PostgresURL != "":
		return preparePostgres(o.PostgresURL)
	case o.File != "":
		return prepareFile(o)
	}
	return errors.New("File is empty, want a path")
}

const (
	queueReads       = 1000 // a second, of each queue
	schedulerWorkers = 16   // tasks that each task scheduler runs at once
	cachedWorkflows  = 500  // of which the state is in memory
)

// dynamicConfig returns settings for one process with few task queues.
func dynamicConfig(o Options) dynamicconfig.StaticClient {
	settings := dynamicconfig.StaticClient{
		// One partition per task queue, so that tasks are not forwarded between partitions.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// Few workers of the task schedulers: the defaults are for a cluster and start 2,200 goroutines.
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               schedulerWorkers,
		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  schedulerWorkers,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             schedulerWorkers,
		dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1, // to no other cluster
		dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,
		// The queues of the only shard are read as soon as they have tasks. The default of 20 reads a second, for
		// one of many shards, delays each step of a workflow by up to 50 ms.
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   queueReads,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      queueReads,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): queueReads,
		// The state of closed workflows fills the cache for an hour; few are open.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): cachedWorkflows,
		// Search attributes can be used as soon as they are added.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
	}
	if o.ContinueAsNewAfter > 0 {
		settings[dynamicconfig.HistoryCountSuggestContinueAsNew.Key()] = o.ContinueAsNewAfter
	}
	return settings
}

// awaitReady waits until the server is healthy and serves the namespace and visibility.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: s.addr, Namespace: Namespace, Logger: sdklog.NewStructuredLogger(discard)})
	if err != nil {
		return fmt.Errorf("temporal server: %w", err)
	}
	defer c.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := checkReady(ctx, c)
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

func checkReady(ctx context.Context, c client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
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

// Stop stops all services. It first ends open polls, which takes a moment.
func (s *Server) Stop() error {
	if err := s.temporal.Stop(); err != nil {
		return fmt.Errorf("stop the temporal server: %w", err)
	}
	return nil
}
