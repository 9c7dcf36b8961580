package doctor

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/probe"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
)

// Options configure a Doctor. All fields are required. The doctor closes what it opens.
type Options struct {
	Config *config.Config
	Role   Role

	// OpenStream connects to a NATS server, which may have no streams yet.
	OpenStream   func(ctx context.Context) (*stream.Conn, error)
	OpenStore    func(ctx context.Context) (*store.Store, error)
	OpenTemporal func() (*temporal.Client, error)
	ServiceTitan *servicetitan.Client
	Schedules    []temporal.ScheduleSpec // as configured
	TimeZones    store.TimeZones         // as configured
	// NamespaceFix says what to do if the ledger belongs to another Temporal namespace.
	NamespaceFix string
}

// Doctor checks what a role depends on.
type Doctor struct{ Options }

// New returns a Doctor. It connects to nothing.
func New(o Options) *Doctor { return &Doctor{o} }

// timeout bounds all groups of checks, which run concurrently.
const timeout = 30 * time.Second

// Clocks of ServiceTitan and PostgreSQL that differ more from ours are reported.
const (
	skewWarning = 30 * time.Second
	skewFailure = 5 * time.Minute
)

// Run prints the result of each check, as text or as JSON, and reports whether all of them
// passed. A warning passes.
func (d *Doctor) Run(ctx context.Context, asJSON bool, out io.Writer) (ok bool, err error) {
	all := d.check(ctx)
	if err := printFindings(out, all, asJSON); err != nil {
		return false, err
	}
	return !slices.ContainsFunc(all, func(f Finding) bool { return f.Status == Failure }), nil
}

// check runs the groups that concern the role and returns their findings in order.
func (d *Doctor) check(ctx context.Context) findings {
	groups := []func(context.Context) findings{d.checkNATS}
	for _, group := range []struct {
		needed bool
		check  func(context.Context) findings
	}{
		{d.Role.Database, d.checkDatabase}, {d.Role.Temporal, d.checkTemporal}, {d.Role.ServiceTitan, d.checkServiceTitan},
		{d.Role.Gateway, d.checkGateway}, {d.Role.Slack, d.checkSlack},
	} {
		if group.needed {
			groups = append(groups, group.check)
		}
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	results := make([]findings, len(groups))
	var all sync.WaitGroup
	for i, group := range groups {
		all.Go(func() { results[i] = group(ctx) })
	}
	all.Wait()
	return slices.Concat(results...)
}

// isSet reports whether a variable is set, and adds a failure if not.
func (d *Doctor) isSet(f *findings, check, variable string) bool {
	if d.Config.Value(variable).Text != "" {
		return true
	}
	f.fail("set "+variable, check, "%s is not set", variable)
	return false
}

// probe adds a failure if a probe of readiness fails, unless the findings have a failure
// already.
func (f *findings) probe(ctx context.Context, p probe.Probe) {
	if slices.ContainsFunc(*f, func(one Finding) bool { return one.Status == Failure }) {
		return
	}
	if err := p.Check(ctx); err != nil {
		f.fail(p.Fix, p.Name, "%v", err)
	}
}

// skew adds how far another clock is from ours.
func (f *findings) skew(check string, skew time.Duration) {
	detail := "differs from ours by " + skew.Abs().Round(time.Millisecond).String()
	if skew.Abs() < time.Second {
		detail = "agrees with ours"
	}
	const fix = "synchronize both clocks with NTP"
	switch {
	case skew.Abs() >= skewFailure:
		f.fail(fix, check, "%s, want less than %s", detail, skewWarning)
	case skew.Abs() >= skewWarning:
		f.warn(fix, check, "%s, want less than %s", detail, skewWarning)
	default:
		f.ok(check, "%s", detail)
	}
}
