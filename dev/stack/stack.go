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

// Stack is what was started. Stop it before the process ends; only PostgreSQL is a
// process of its own, and it ends when this process is killed.
type Stack struct {
	// Ignored are the variables of lazisync that isolation left out.
	Ignored []string
	// Simulator is the simulated ServiceTitan, nil where another is configured.
	Simulator *simulator.Simulator
	// Companies are its tenants; Simulator is the first.
	Companies simulator.Tenants
	// Slack keeps the messages, nil where another is configured.
	Slack *fakeslack.Server

	options Options
	env     environment
	places  *places

	postgres   *pgserver.Server
	nats       *natsserver.Server
	temporal   *temporalserver.Server
	temporalUI *temporalui.Server
	simulated  *simulated

	mu       sync.Mutex // guards env and the calls of Ready while services start
	stopOnce sync.Once
	stopErr  error
}

// folders are what Fresh deletes of Dir, beside PostgreSQL's.
var folders = []string{"nats", "temporal", "servicetitan"}

// Start returns when everything answers. ctx bounds the start alone. What was started
// before an error is stopped again.
func Start(ctx context.Context, o Options) (*Stack, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil || o.Dir == "" {
		return nil, fmt.Errorf("stack: Dir is %q, want a folder for its data", o.Dir)
	}
	o.Dir = dir
	s := &Stack{options: o, env: newEnvironment(o.Environ)}
	if o.Isolated {
		s.Ignored = s.env.dropOurs()
	}
	if o.Fresh {
		if err := s.clear(ctx); err != nil {
			return nil, err
		}
	}
	if s.places, err = choosePlaces(o.FreePorts, s.env); err != nil {
		return nil, err
	}
	defer s.places.release(&s.places.simulator) // in case it was not started
	s.env["HTTP_ADDR"] = s.places.gateway.address()
	s.env["ADMIN_ADDR"] = s.places.admin.address()
	if o.Isolated { // what happens is what the demo or the test asks for
		s.env["SYNC_SCHEDULE_INCREMENTAL"], s.env["SYNC_SCHEDULE_FULL"] = "off", "off"
	}
	if err := s.startAll(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) startAll(ctx context.Context) error {
	type starter struct {
		backing
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
		if variable := s.env.configured(one.backing); variable != "" {
			s.tell(Service{Name: one.name, From: variable})
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

func (s *Stack) tell(service Service) {
	if s.options.Ready == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Ready(service)
}

// adopt puts the addresses of a service that was started into the environment.
func (s *Stack) adopt(b backing, variables map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env.embed(b, variables)
}

// suggest sets a variable that is not configured.
func (s *Stack) suggest(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.env[name] == "" {
		s.env[name] = value
	}
}

// Environ is the environment for lazisync: what was configured, and the addresses of
// what was started. It holds passwords.
func (s *Stack) Environ() []string { return s.env.entries() }

// Variable is one variable of Environ.
func (s *Stack) Variable(name string) string { return s.env[name] }

// GatewayURL is where the gateway listens once lazisync runs.
func (s *Stack) GatewayURL() string { return "http://" + ports.Addr(s.places.gateway.Number) }

// TemporalUIURL is where Temporal's web page is, "" where it was not started.
func (s *Stack) TemporalUIURL() string {
	if s.temporalUI == nil {
		return ""
	}
	return s.temporalUI.URL()
}

// PostgresPid is the process of the PostgreSQL that was started, 0 where none was.
func (s *Stack) PostgresPid() int {
	if s.postgres == nil {
		return 0
	}
	return s.postgres.Pid()
}

// Stop ends what was started, what others depend on last. It leaves no process. Later
// calls return what the first returned.
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
