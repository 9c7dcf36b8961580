package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/workflows"
)

// Parameters of the mixed load. The duration of a kind of load is its interval.
const (
	mixedTenants      = 10
	mixedSecondPass   = "30s" // after a webhook; shorter than the default, so that the end need not wait for it
	mixedChange       = 500 * time.Millisecond
	mixedRequest      = 5 * time.Second
	mixedReadAll      = 45 * time.Second // full, verify and rebuild by turns
	mixedControl      = time.Minute      // pause and resume
	mixedInvalid      = time.Minute
	mixedFault        = 15 * time.Second
	mixedKill         = 3 * time.Minute
	mixedAbsence      = 5 * time.Second  // of a killed process
	mixedPause        = 3 * time.Second  // between a pause and its resume
	mixedSettle       = 10 * time.Minute // the longest wait for the last outcomes
	mixedSamples      = time.Minute      // between two measurements
	mixedWarmUp       = 3                // the slopes leave out the first 1/mixedWarmUp of the time
	mixedLeastSamples = 12               // also of a load of some minutes
)

// mixedCompanies returns the simulated tenants of the mixed load.
func mixedCompanies() (all []simulator.Options) {
	for _, o := range companyOptions() {
		if o.Tenant >= latencyTenant && o.Tenant < latencyTenant+mixedTenants {
			all = append(all, o)
		}
	}
	return all
}

// mixedLoad changes records, sends requests and controls, injects faults and kills processes, all at the same time,
// and records what was sent.
type mixedLoad struct {
	d       *deployment
	tenants []string
	dice    *rand.Rand
	sent    *sentRequests
	gateway *gateways

	mu     sync.Mutex     // of dice, counts and the roles of the deployment
	counts map[string]int // by the name of the part
}

// measureMixed puts a mixed load on the deployment, with failing calls of the API and killed processes, and
// measures what grows. It fails if a request has no outcome or more than one, or if something
// grows that should not.
func measureMixed(ctx context.Context, d *deployment) ([]table, error) {
	m, err := d.startMixed(ctx)
	if err != nil {
		return nil, err
	}
	defer m.sent.stop()
	length := time.Duration(d.options.minutes * float64(time.Minute))
	d.progress("mixed: %.0f minutes", length.Minutes())
	load, stop := context.WithTimeout(ctx, length)
	defer stop()
	var doing sync.WaitGroup
	errs := make(chan error, 16)
	for _, one := range m.parts() {
		doing.Go(func() {
			if err := m.repeat(load, one); err != nil {
				errs <- fmt.Errorf("%s: %w", one.name, err)
				stop()
			}
		})
	}
	measured, err := m.measure(load, length)
	stop()
	doing.Wait()
	select {
	case failed := <-errs:
		return nil, failed
	default:
	}
	if err != nil || ctx.Err() != nil {
		return nil, fmt.Errorf("measure: %w", cmp.Or(err, ctx.Err()))
	}
	for _, company := range d.stack.Companies {
		company.ClearFaults()
	}
	d.progress("mixed: waiting for the last outcomes")
	lost := m.settle(ctx)
	return m.tables(measured, length), cmp.Or(lost, measured.check())
}

// startMixed starts two workers, syncs every tenant once and then starts the webhooks.
func (d *deployment) startMixed(ctx context.Context) (*mixedLoad, error) {
	d.pace(0)
	d.environ = append(d.environ, "SYNC_WEBHOOK_SECOND_PASS="+mixedSecondPass)
	for _, r := range slices.Clone(d.roles) { // with the variable
		if err := d.replaceRole(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := d.setWorkers(ctx, 2); err != nil {
		return nil, err
	}
	m := &mixedLoad{d: d, tenants: tenantsFrom(latencyTenant, mixedTenants), dice: rand.New(rand.NewPCG(1, 2)), counts: map[string]int{}}
	var err error
	if m.sent, err = d.trackRequests(ctx); err != nil {
		return nil, err
	}
	d.outcomes.stop()
	var ids []string
	for _, tenant := range m.tenants {
		id, err := d.request(events.Full, tenant)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		m.sent.add(id)
	}
	if err := await(ctx, "the first full syncs", func() bool { return m.sent.open() == 0 }); err != nil {
		return nil, err
	}
	return m, m.startWebhooks(ctx)
}

// replaceRole stops a process and starts another one of its role.
func (d *deployment) replaceRole(ctx context.Context, r *role) error {
	if err := d.stopRole(r); err != nil {
		return err
	}
	return d.startRole(ctx, r.name)
}

// part is a kind of load. do is called at the interval, with 0, 1, 2, …
type part struct {
	name     string
	interval time.Duration
	do       func(ctx context.Context, turn int) error
}

func (m *mixedLoad) parts() []part {
	return []part{
		{"records changed, with a webhook each", mixedChange, m.change},
		{"incremental syncs requested", mixedRequest, m.incremental},
		{"full syncs, verifies and rebuilds requested", mixedReadAll, m.readAll},
		{"pauses with a resume", mixedControl, m.pause},
		{"invalid requests", mixedInvalid, m.invalid},
		{"faults of the API", mixedFault, m.fault},
		{"processes killed", mixedKill, m.kill},
	}
}

// repeat calls do of a part at its interval until ctx is done, and counts the calls. It returns the first error.
func (m *mixedLoad) repeat(ctx context.Context, p part) error {
	tick := time.NewTicker(p.interval)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := p.do(ctx, turn); err != nil {
			return err
		}
		m.mu.Lock()
		m.counts[p.name]++
		m.mu.Unlock()
	}
}

// roll returns a number below n. It is safe for concurrent use.
func (m *mixedLoad) roll(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dice.IntN(n)
}

func (m *mixedLoad) change(_ context.Context, turn int) error {
	company, entity := m.d.company(m.tenants[turn%len(m.tenants)]), defaultEntities[m.roll(len(defaultEntities))]
	id, err := company.RandomID(entity)
	if err != nil {
		return err
	}
	return company.Update(entity, id) // no record is created, so that the tables need not grow
}

func (m *mixedLoad) incremental(_ context.Context, turn int) error {
	return m.request(events.Incremental, m.tenants[turn%len(m.tenants)])
}

func (m *mixedLoad) readAll(_ context.Context, turn int) error {
	mode := []events.Mode{events.Full, events.Verify, events.Rebuild}[turn%3]
	return m.request(mode, m.tenants[turn%len(m.tenants)], defaultEntities[turn%len(defaultEntities)])
}

func (m *mixedLoad) request(mode events.Mode, tenant string, entities ...string) error {
	id, err := m.d.request(mode, tenant, entities...)
	if err == nil {
		m.sent.add(id)
	}
	return err
}

// pause pauses the incremental sync of a tenant for a while.
func (m *mixedLoad) pause(ctx context.Context, turn int) error {
	workflowID := workflows.IncrementalSyncID(events.TenantID(m.tenants[turn%len(m.tenants)]))
	for _, action := range []string{"pause", "resume"} {
		if _, err := m.d.publish("sync.control", map[string]any{"action": action, "workflowId": workflowID}); err != nil {
			return err
		}
		select {
		case <-time.After(mixedPause):
		case <-ctx.Done(): // the run must not stay paused
		}
	}
	return nil
}

func (m *mixedLoad) invalid(_ context.Context, turn int) error {
	_, err := m.d.publish("sync.requested", map[string]any{"mode": "full", "tenantId": m.tenants[turn%len(m.tenants)], "entities": []string{"custmers"}})
	return err
}

// apiFaults are the faults of the API, by turns.
var apiFaults = []simulator.Fault{
	{Kind: "429", Count: 2, RetryAfter: true}, {Kind: "500", Count: 2}, {Kind: "503", Count: 2}, {Kind: "reset", Count: 2},
	{Kind: "slow", DelayMS: 20_000}, {Kind: "truncate"}, {Kind: "expiredTokens"}, {Kind: "504", Count: 2, Foreign: true},
}

func (m *mixedLoad) fault(_ context.Context, turn int) error {
	return m.d.company(m.tenants[m.roll(len(m.tenants))]).AddFault(apiFaults[turn%len(apiFaults)])
}

// kill kills the second process of a role, of one role after another, and starts another process. The first
// one of each role runs all the time, so that its growth can be measured.
func (m *mixedLoad) kill(ctx context.Context, turn int) error {
	name := roleNames[turn%len(roleNames)]
	victim, err := m.second(name)
	if err != nil {
		return err
	}
	victim.Kill()
	m.mu.Lock()
	m.d.forget(victim)
	m.mu.Unlock()
	m.gateway.set(m.roles())
	select {
	case <-time.After(mixedAbsence):
	case <-ctx.Done():
	}
	next, err := m.d.spawn(name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.d.roles = append(m.d.roles, next)
	m.mu.Unlock()
	if err := next.awaitReady(context.WithoutCancel(ctx), 50*time.Millisecond); err != nil {
		return err
	}
	m.gateway.set(m.roles())
	return nil
}

// second returns the second process of a role.
func (m *mixedLoad) second(name string) (*role, error) {
	of := slices.DeleteFunc(m.roles(), func(r *role) bool { return r.name != name })
	if len(of) < 2 {
		return nil, fmt.Errorf("%d processes of role %s, want 2", len(of), name)
	}
	return of[1], nil
}

// roles returns the running processes. It is safe for concurrent use.
func (m *mixedLoad) roles() []*role {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.d.roles)
}
