package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
	"github.com/lazi/lazisync/workflows"
)

const (
	tenant = activitytest.Tenant
	source = "/test"
)

var (
	errUnavailable = errors.New("connection refused")
	errRefused     = &activitytest.APIError{Message: "403", IsPermanent: true, IsFromAPI: true}
	errToken       = &activitytest.APIError{Message: "unknown token", IsPermanent: true, IsTokenRejected: true, IsFromAPI: true}
	errRateLimited = &activitytest.APIError{Message: "429", IsRateLimited: true, Delay: time.Minute}
)

// sequence is a script that is being carried out.
type sequence struct {
	script
	database *memory.Database
	stream   *memory.Stream
	temporal *memory.TemporalServer
	bridge   *bridge.Bridge
	source   *records
	began    time.Time

	requests []events.Mode // of the requests that were published: r1, r2 and so on
	controls int           // controls that were published: c1, c2 and so on
	commands []*command

	mu         sync.Mutex
	clock      time.Time     // while no execution runs
	ahead      time.Duration // of the clock, while the bridge reconciles
	counts     map[string]int
	done       []bool // which steps were carried out
	isCalm     bool   // nothing fails any more
	waits      map[string]int
	fault      bridgeFault
	isTogether bool
	current    *execution // that runs, nil between two
	chains     map[string]*chain
	log        []string
	failure    string
	seen       observations
}

// bridgeFault is a call of the bridge that fails, before or after its effect. The zero value is none.
type bridgeFault struct {
	method    string
	hasEffect bool
}

func (f bridgeFault) String() string {
	switch {
	case f.method == "":
		return ""
	case f.hasEffect:
		return fmt.Sprintf(" (%s of the bridge takes effect and fails)", f.method)
	}
	return fmt.Sprintf(" (%s of the bridge fails)", f.method)
}

func newSequence(sc script) *sequence {
	s := &sequence{
		script: sc, database: memory.NewDatabase(), stream: &memory.Stream{}, temporal: &memory.TemporalServer{}, source: newRecords(),
		began: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), counts: map[string]int{}, done: make([]bool, len(sc.steps)), waits: map[string]int{},
		chains: map[string]*chain{}, seen: newObservations(),
	}
	s.clock, s.source.s, s.source.now, s.database.Now = s.began, s, s.now, s.now
	for _, name := range entityNames {
		s.database.SetResumePoint(tenant, name, "", s.began.Add(-time.Hour))
	}
	s.temporal.FirstRunID = func(id string, nth int) string { return fmt.Sprintf("%s.%d", id, nth) }
	s.bridge = bridge.New(bridge.Options{
		Ledger: &memory.Ledger{Database: s.database, Call: s.bridgeCall}, Publisher: &memory.Publisher{Stream: s.stream, Call: s.bridgeCall},
		Temporal: &memory.Temporal{TemporalServer: s.temporal, Call: s.bridgeCall}, Logger: zerolog.Nop(),
		Tenants:       []bridge.Tenant{{ID: tenant, Entities: entityNames, Channel: "#sync"}},
		KnownEntities: []string{"customers", "jobs"},
		Limits:        workflows.Limits{Deadline: 24 * time.Hour, PauseLimit: sc.settings.PauseLimit, Parallel: sc.settings.Parallel},
		RetryDelay:    func(uint64) time.Duration { return time.Second },
		Now:           s.now,
	})
	return s
}

// now returns the time of the workflows.
func (s *sequence) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time().Add(s.ahead)
}

func (s *sequence) time() time.Time {
	if s.current == nil {
		return s.clock
	}
	return s.current.env.Now()
}

func (s *sequence) note(format string, args ...any) {
	at := s.now().Sub(s.began).Round(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf("%10s  %s", at, fmt.Sprintf(format, args...)))
}

// fail notes what is wrong. The first mistake counts.
func (s *sequence) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == "" {
		s.failure = fmt.Sprintf(format, args...)
		s.log = append(s.log, "> "+s.failure)
	}
}

// reach carries out the steps of a point. It returns the error with which the call or activity there fails.
func (s *sequence) reach(point string) (fault error) {
	s.mu.Lock()
	s.counts[point]++
	var due []step
	for i, step := range s.steps {
		if step.at.point == point && step.at.nth == s.counts[point] && !s.done[i] && !(s.isCalm && step.fault != nil) {
			s.done[i] = true
			due = append(due, step)
		}
	}
	s.mu.Unlock()
	for _, step := range due {
		s.note("%s: %s", step.at, step.what)
		if step.do != nil {
			step.do(s)
		}
		time.Sleep(time.Microsecond) // the workflow receives signals before anything else happens
		if step.fault != nil {
			fault = step.fault
		}
	}
	return fault
}

// bridgeCall carries out a call of the bridge with its fault.
func (s *sequence) bridgeCall(op memory.Op, do func() error) error {
	s.mu.Lock()
	f := s.fault
	s.mu.Unlock()
	if f.method == op.Method && !f.hasEffect {
		return errUnavailable
	}
	err := do()
	if err == nil && f.method == op.Method {
		return errUnavailable
	}
	return err
}

// reconcile lets the bridge deliver again and reconcile. Its clock is a minute ahead, so that everything is old enough.
func (s *sequence) reconcile() {
	s.deliver(bridgeFault{}, false)
	s.setAhead(time.Minute)
	if err := s.bridge.Reconcile(context.Background()); err != nil {
		s.fail("the bridge cannot reconcile: %v", err)
	}
	s.setAhead(0)
	s.forward()
}

func (s *sequence) setAhead(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = d
}

// open returns the oldest open execution.
func (s *sequence) open() (e memory.Execution, found bool) {
	for _, e := range s.temporal.Executions() {
		if e.Status == workflows.ExecutionOpen {
			return e, true
		}
	}
	return e, false
}

// maxExecutions is more than a script can cause.
const maxExecutions = 60

// becomeIdle carries out the script and then lets everything become idle. The last request reads everything.
func (s *sequence) becomeIdle() {
	for i, step := range s.steps {
		if step.at == (moment{}) {
			s.done[i] = true
			s.note("%s", step.what)
			step.do(s)
		}
	}
	s.runAll()
	s.calm()
	s.runAll()
	s.endScript()
	time.Sleep(time.Minute) // late attempts of activities end
	s.note("at the end: request incremental %s", strings.Join(entityNames, ","))
	s.request(events.RequestData{Mode: events.Incremental, Entities: entityNames}, bridgeFault{}, false)
	s.runAll()
	time.Sleep(time.Minute) // late attempts of activities end
}

func (s *sequence) calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isCalm = true
}

// endScript drops the steps whose moment has not come.
func (s *sequence) endScript() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.done {
		s.done[i] = true
	}
}

// runAll runs executions until none is open and the bridge has nothing to do.
func (s *sequence) runAll() {
	for quiet := 0; quiet < 2 && s.failure == ""; quiet++ {
		for e, found := s.open(); found && s.failure == ""; e, found = s.open() {
			if len(s.temporal.Executions()) > maxExecutions {
				s.fail("more than %d executions, want an end", maxExecutions)
				return
			}
			quiet = 0
			s.run(e)
		}
		s.clock = s.clock.Add(time.Minute)
		s.reconcile()
	}
}

// queued lists the requests of the tenant that no run has claimed.
func (s *sequence) queued() (ids []string) {
	for _, r := range s.database.Requests() {
		if r.Mode == events.Incremental && r.RunNumber == 0 {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// runOf returns the running run of an execution.
func (s *sequence) runOf(firstRunID string) (run ledger.Run, found bool) {
	for _, r := range s.database.Runs() {
		if r.FirstRunID == firstRunID && r.State == ledger.Running {
			return r, true
		}
	}
	return run, false
}
