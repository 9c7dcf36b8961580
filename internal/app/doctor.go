package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/probe"
)

// verdict is how a check went.
type verdict string

const (
	fine    verdict = "ok"
	doubt   verdict = "warn" // works, and somebody should look
	failure verdict = "FAIL" // something does not work, or will not
)

// finding is one line of the doctor's report.
type finding struct {
	Verdict verdict `json:"verdict"`
	Check   string  `json:"check"`
	Detail  string  `json:"detail"`
	Mend    string  `json:"mend,omitempty"` // what to do; never with ok
}

// findings are those of one group of checks.
type findings []finding

func (f *findings) ok(check, format string, args ...any) {
	*f = append(*f, finding{fine, check, fmt.Sprintf(format, args...), ""})
}

func (f *findings) warn(mend, check, format string, args ...any) {
	*f = append(*f, finding{doubt, check, fmt.Sprintf(format, args...), mend})
}

func (f *findings) fail(mend, check, format string, args ...any) {
	*f = append(*f, finding{failure, check, fmt.Sprintf(format, args...), mend})
}

// doctor examines everything that a role of this configuration depends on. It changes
// nothing, stores nothing and tells nobody.
type doctor struct {
	cfg  *Config
	role Role
	log  zerolog.Logger // of the clients: what they complain about is in the findings
}

// doctorLimit bounds each group of checks; they run at the same time.
const doctorLimit = 30 * time.Second

// The clocks of ServiceTitan and PostgreSQL may differ this much from ours.
const (
	skewDoubtful = 30 * time.Second
	skewTooMuch  = 5 * time.Minute
)

// Doctor prints one line for each check, with the mend where one is needed. Its error
// has exit code 1 where a check failed; warnings are no failures.
func Doctor(ctx context.Context, cfg *Config, role Role, asJSON bool, out io.Writer) error {
	d := &doctor{cfg: cfg, role: role, log: zerolog.Nop()}
	all := d.examine(ctx)
	if err := printFindings(out, all, asJSON); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(f finding) bool { return f.Verdict == failure }) {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

// examine runs the groups that concern the role and keeps their order.
func (d *doctor) examine(ctx context.Context) findings {
	groups := []func(context.Context) findings{d.examineNATS}
	if d.needs("DATABASE_URL") {
		groups = append(groups, d.examineDatabase)
	}
	if !d.is(NotifierRole) || d.is(ServeRole) {
		groups = append(groups, d.examineTemporal)
	}
	if d.is(WorkerRole) {
		groups = append(groups, d.examineServiceTitan)
	}
	if d.is(GatewayRole) {
		groups = append(groups, d.examineGateway)
	}
	if d.is(NotifierRole) {
		groups = append(groups, d.examineSlack)
	}
	ctx, stop := context.WithTimeout(ctx, doctorLimit)
	defer stop()
	results := make([]findings, len(groups))
	var all sync.WaitGroup
	for i, group := range groups {
		all.Go(func() { results[i] = group(ctx) })
	}
	all.Wait()
	return slices.Concat(results...)
}

// is says whether what is examined does the work of a role.
func (d *doctor) is(r Role) bool { return d.role.is(r) }

func (d *doctor) needs(variable string) bool { return slices.Contains(d.role.needs, variable) }

// set says that a variable the role needs is not set, and how to mend that.
func (d *doctor) set(f *findings, check, variable string) bool {
	if d.cfg.Value(variable).Text != "" {
		return true
	}
	f.fail("set "+variable, check, "%s is not set", variable)
	return false
}

// proved asks what readiness asks, so that nothing is well where a role is not ready. It says
// nothing where a finding does so already.
func (f *findings) proved(ctx context.Context, p probe.Probe) {
	if slices.ContainsFunc(*f, func(one finding) bool { return one.Verdict == failure }) {
		return
	}
	if err := p.Check(ctx); err != nil {
		f.fail(p.Fix, p.Name, "%v", err)
	}
}

// skew judges how far another clock is from ours.
func (f *findings) skew(check string, skew time.Duration) {
	detail := "its clock and ours differ by " + skew.Abs().Round(time.Millisecond).String()
	if skew.Abs() < time.Second {
		detail = "agrees with ours"
	}
	const mend = "keep the clock of this machine and of that one by NTP"
	switch {
	case skew.Abs() >= skewTooMuch:
		f.fail(mend, check, "%s, at most %s is fine", detail, skewDoubtful)
	case skew.Abs() >= skewDoubtful:
		f.warn(mend, check, "%s, at most %s is fine", detail, skewDoubtful)
	default:
		f.ok(check, "%s", detail)
	}
}

func printFindings(out io.Writer, all findings, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(all)
	}
	width, counts := 0, map[verdict]int{}
	for _, f := range all {
		width = max(width, len(f.Check))
		counts[f.Verdict]++
	}
	for _, f := range all {
		fmt.Fprintf(out, "%-4s  %-*s  %s\n", f.Verdict, width, f.Check, strings.Join(strings.Fields(f.Detail), " ")) // one line
		if f.Mend != "" {
			fmt.Fprintf(out, "%s  mend: %s\n", strings.Repeat(" ", 6+width), f.Mend)
		}
	}
	_, err := fmt.Fprintf(out, "\n%d checks: %d ok, %d to look at, %d to mend\n", len(all), counts[fine], counts[doubt], counts[failure])
	return err
}
