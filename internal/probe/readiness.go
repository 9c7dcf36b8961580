package probe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Probe is one check of a dependency of a role.
type Probe struct {
	Name  string
	Check func(ctx context.Context) error // nil if it works
	Fix   string                          // what to do if it fails
}

const (
	// cacheTTL is how long a report is reused, so that many callers cost as much as one.
	cacheTTL = 2 * time.Second
	// failureTTL is cacheTTL of a report with a failure: a role that starts is ready within
	// milliseconds of its first report.
	failureTTL = 100 * time.Millisecond
	// checkTimeout is how long the checks of one report may take.
	checkTimeout = 3 * time.Second
	// cancelTimeout is how long a cancelled check may take to return its error.
	cancelTimeout = 200 * time.Millisecond
	// logInterval is how often a lasting failure is logged.
	logInterval = time.Minute
)

// Report is the results of the probes of a role, by name; nil for a dependency that works.
type Report struct {
	Role   string
	Errors map[string]error
}

// Ready reports whether every probe succeeded.
func (r Report) Ready() bool {
	for _, err := range r.Errors {
		if err != nil {
			return false
		}
	}
	return true
}

// ttl returns how long the report is reused.
func (r Report) ttl() time.Duration {
	if r.Ready() {
		return cacheTTL
	}
	return failureTTL
}

// Readiness reports whether the dependencies of a role work. It is safe for concurrent use:
// callers share one report, which is at most two seconds old.
type Readiness struct {
	role   string
	probes []Probe
	log    zerolog.Logger
	now    func() time.Time

	mu      sync.Mutex
	report  Report
	checked time.Time     // when the report was made; zero if there is none
	running chan struct{} // closed when the running check ends; nil if none runs
	logged  map[string]loggedFailure
}

type loggedFailure struct {
	text string
	at   time.Time
}

// New creates the Readiness of a role. Failures are logged.
func New(role string, log zerolog.Logger, probes ...Probe) *Readiness {
	return &Readiness{role: role, probes: probes, log: log, now: time.Now, logged: map[string]loggedFailure{}}
}

// Report returns a report that is at most two seconds old, or a tenth of a second if it has a
// failure. The error is that of ctx.
func (r *Readiness) Report(ctx context.Context) (Report, error) {
	for {
		r.mu.Lock()
		if !r.checked.IsZero() && r.now().Sub(r.checked) < r.report.ttl() {
			defer r.mu.Unlock()
			return r.report, nil
		}
		if r.running == nil {
			r.running = make(chan struct{})
			go r.check(context.WithoutCancel(ctx)) // other callers wait for it, too
		}
		running := r.running
		r.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return Report{}, ctx.Err()
		}
	}
}

// check runs the probes and stores a report.
func (r *Readiness) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]error, len(r.probes))
	var all sync.WaitGroup
	for i, p := range r.probes {
		all.Go(func() { results[i] = p.run(ctx) })
	}
	all.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	r.report = Report{Role: r.role, Errors: map[string]error{}}
	for i, p := range r.probes {
		r.report.Errors[p.Name] = results[i]
		r.logChange(p, results[i])
	}
	r.checked = r.now()
	close(r.running)
	r.running = nil
}

// run runs the check and returns when ctx is done, even if the check does not.
func (p Probe) run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.Check(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // more specific than the timeout
		return err
	case <-time.After(cancelTimeout):
		return fmt.Errorf("no response within %s", checkTimeout)
	}
}

// logChange logs a failure when it starts, changes or lasts, and when it ends.
func (r *Readiness) logChange(p Probe, err error) {
	last, failing := r.logged[p.Name]
	if err == nil {
		if failing {
			r.log.Info().Str("check", p.Name).Msg("ready again")
		}
		delete(r.logged, p.Name)
		return
	}
	if failing && last.text == err.Error() && r.now().Sub(last.at) < logInterval {
		return
	}
	r.logged[p.Name] = loggedFailure{err.Error(), r.now()}
	r.log.Warn().Err(err).Str("check", p.Name).Str("fix", p.Fix).Msg("not ready")
}
