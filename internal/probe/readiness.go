package probe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Probe is one thing that must work before a role can do its job.
type Probe struct {
	Name  string
	Check func(ctx context.Context) error // nil: it works
	Fix   string                          // what to do when it does not
}

const (
	// keep is how long a report is given to callers. A thousand of them cost no more
	// than one.
	keep = 2 * time.Second
	// limit is how long the probes of one report may take.
	limit = 3 * time.Second
	// late is how long a check may take to give up after that.
	late = 200 * time.Millisecond
	// remind is how long the same failure is not logged again.
	remind = time.Minute
)

// Report is how the probes of a role went, by name. Nil: it works.
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

// Readiness says whether a role can do its job. It is safe for concurrent use: callers
// share one report, which is at most two seconds old.
type Readiness struct {
	role   string
	probes []Probe
	log    zerolog.Logger
	now    func() time.Time

	mu      sync.Mutex
	report  Report
	made    time.Time     // zero: there is no report yet
	running chan struct{} // closed when the report under way is made; nil where none is
	logged  map[string]logged
}

type logged struct {
	text string
	at   time.Time
}

// New makes the Readiness of a role. Why it is not ready goes to the log.
func New(role string, log zerolog.Logger, probes ...Probe) *Readiness {
	return &Readiness{role: role, probes: probes, log: log, now: time.Now, logged: map[string]logged{}}
}

// Report waits for a report that is fresh enough, or for ctx.
func (r *Readiness) Report(ctx context.Context) (Report, error) {
	for {
		r.mu.Lock()
		if !r.made.IsZero() && r.now().Sub(r.made) < keep {
			defer r.mu.Unlock()
			return r.report, nil
		}
		if r.running == nil {
			r.running = make(chan struct{})
			go r.probe(context.WithoutCancel(ctx)) // it is for everybody who waits, not for the first alone
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

// probe makes a report.
func (r *Readiness) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	results := make([]error, len(r.probes))
	var all sync.WaitGroup
	for i, p := range r.probes {
		all.Go(func() { results[i] = p.within(ctx) })
	}
	all.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	r.report = Report{Role: r.role, Errors: map[string]error{}}
	for i, p := range r.probes {
		r.report.Errors[p.Name] = results[i]
		r.note(p, results[i])
	}
	r.made = r.now()
	close(r.running)
	r.running = nil
}

// within checks, and does not wait for a check that outlasts ctx.
func (p Probe) within(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.Check(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // which says more
		return err
	case <-time.After(late):
		return fmt.Errorf("no answer within %s", limit)
	}
}

// note logs a failure when it begins, changes, or lasts.
func (r *Readiness) note(p Probe, err error) {
	last, failing := r.logged[p.Name]
	if err == nil {
		if failing {
			r.log.Info().Str("check", p.Name).Msg("ready again")
		}
		delete(r.logged, p.Name)
		return
	}
	if failing && last.text == err.Error() && r.now().Sub(last.at) < remind {
		return
	}
	r.logged[p.Name] = logged{err.Error(), r.now()}
	r.log.Warn().Err(err).Str("check", p.Name).Str("fix", p.Fix).Msg("not ready")
}
