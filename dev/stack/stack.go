package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/ports"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/dev/temporalui"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// Stack is a set of running servers. Stop it before the process ends. Only PostgreSQL is a
// separate process; it ends when this process is killed.
type Stack struct {
	// Ignored are the variables that Options.Isolated ignored.
	Ignored []string
	// Simulator is the simulated ServiceTitan, nil if another is configured.
	Simulator *simulator.Simulator
	// Companies are the simulated tenants; Simulator is the first.
	Companies simulator.Tenants
	// Slack is the fake Slack, nil if another is configured.
	Slack *fakeslack.Server

	options       Options
	env           environment
	reservedPorts *reservedPorts

	postgres   *pgserver.Server
	nats       *natsserver.Server
	temporal   *temporalserver.Server
	temporalUI *temporalui.Server
	simulated  *simulatorService

	mu       sync.Mutex // guards env and the calls of Ready while services start
	stopOnce sync.Once
	stopErr  error
}

// folders are the folders in Dir that Fresh deletes, in addition to that of PostgreSQL.
var folders = []string{"nats", "temporal", "servicetitan"}

// Start starts the servers and returns when all answer. ctx applies only to the start. If one
// fails, Start stops the others.
func Start(ctx context.Context, o Options) (*Stack, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil || o.Dir == "" {
		return nil, fmt.Errorf("stack: Dir is %q, want a path", o.Dir)
	}
	o.Dir = dir
	s := &Stack{options: o, env: newEnvironment(o.Environ)}
	if o.Isolated {
		s.Ignored = s.env.removeLazisyncVariables()
	}
	if o.Fresh {
		if err := s.clear(ctx); err != nil {
			return nil, err
		}
	}
	if s.reservedPorts, err = reservePorts(o.FreePorts, s.env); err != nil {
		return nil, err
	}
	defer s.reservedPorts.release(&s.reservedPorts.simulator) // in case it was not started
	s.env["HTTP_ADDR"] = s.reservedPorts.gateway.address()
	s.env["ADMIN_ADDR"] = s.reservedPorts.admin.address()
	if o.Isolated { // the demo or the test requests the syncs
		s.env["SYNC_SCHEDULE_INCREMENTAL"], s.env["SYNC_SCHEDULE_FULL"] = "off", "off"
	}
	if err := s.startAll(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) startAll(ctx context.Context) error {
	type starter struct {
		backingService
		start func(context.Context) error
	}
	var starters []starter
	for _, one := range []starter{
		{postgreSQL, s.startPostgres},
		{natsJetStream, s.startNATS},
		{temporalServer, s.startTemporal},
		{slackWebhook, s.startSlack},
		{serviceTitan, s.startServiceTitan},
	} {
		if variable := s.env.configured(one.backingService); variable != "" {
			s.report(Service{Name: one.name, From: variable})
			continue
		}
		starters = append(starters, one)
	}
	all, starting := errgroup.WithContext(ctx)
	for _, one := range starters {
		all.Go(func() error { return one.start(starting) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if s.Simulator == nil {
		return nil
	}
	return s.refuseOtherTenants(ctx)
}

func (s *Stack) clear(ctx context.Context) error {
	if err := pgserver.Remove(ctx, s.path("postgres")); err != nil {
		return fmt.Errorf("delete the data of earlier runs: %w", err)
	}
	for _, folder := range folders {
		if err := os.RemoveAll(s.path(folder)); err != nil {
			return fmt.Errorf("delete the data of earlier runs: %w", err)
		}
	}
	return nil
}

func (s *Stack) path(parts ...string) string {
	return filepath.Join(append([]string{s.options.Dir}, parts...)...)
}

func (s *Stack) report(service Service) {
	if s.options.Ready == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Ready(service)
}

// addVariables adds the variables of a started service to the environment.
func (s *Stack) addVariables(b backingService, variables map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env.replace(b, variables)
}

// setDefault sets a variable that is not configured.
func (s *Stack) setDefault(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.env[name] == "" {
		s.env[name] = value
	}
}

// Environ returns the environment for lazisync: the configured variables and those of the
// started services. It contains passwords.
func (s *Stack) Environ() []string { return s.env.entries() }

// Variable returns the value of one variable of Environ.
func (s *Stack) Variable(name string) string { return s.env[name] }

// GatewayURL returns the URL of the gateway, which answers while lazisync runs.
func (s *Stack) GatewayURL() string { return "http://" + ports.Addr(s.reservedPorts.gateway.Number) }

// TemporalUIURL returns the URL of Temporal's web UI, "" if it was not started.
func (s *Stack) TemporalUIURL() string {
	if s.temporalUI == nil {
		return ""
	}
	return s.temporalUI.URL()
}

// PostgresPid returns the process id of PostgreSQL, 0 if it was not started.
func (s *Stack) PostgresPid() int {
	if s.postgres == nil {
		return 0
	}
	return s.postgres.Pid()
}

// Stop stops the servers in the order of their dependencies. Later calls return the result of
// the first.
func (s *Stack) Stop() error {
	s.stopOnce.Do(func() {
		var errs []error
		if s.simulated != nil {
			errs = append(errs, s.simulated.stop())
		}
		if s.Slack != nil {
			errs = append(errs, s.Slack.Stop())
		}
		if s.temporalUI != nil {
			s.temporalUI.Stop()
		}
		if s.temporal != nil {
			errs = append(errs, s.temporal.Stop())
		}
		if s.nats != nil {
			s.nats.Stop()
		}
		if s.postgres != nil {
			errs = append(errs, s.postgres.Stop())
		}
		s.stopErr = errors.Join(errs...)
	})
	return s.stopErr
}
