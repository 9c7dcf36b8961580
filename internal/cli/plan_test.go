package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// fakeCounter counts the records that a test sets. Entities without a number fail.
type fakeCounter struct {
	mu      sync.Mutex
	records map[string]int
	since   map[string]time.Time
	limited int // calls that the rate limit refuses
}

type limitedError struct{ error }

func (limitedError) RateLimited() bool         { return true }
func (limitedError) RetryAfter() time.Duration { return time.Millisecond }

func (c *fakeCounter) CountSince(_ context.Context, _ events.TenantID, e entity.Entity, since time.Time) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limited--; c.limited >= 0 {
		return -1, fmt.Errorf("%s: %w", e.Name, limitedError{errors.New("too many calls")})
	}
	if c.since == nil {
		c.since = map[string]time.Time{}
	}
	c.since[e.Name] = since
	if !e.IsCountable() {
		return -1, nil
	}
	n, known := c.records[e.Name]
	if !known {
		return -1, errors.New(e.Name + ": status 403: the app lacks the scope")
	}
	return n, nil
}

// fakePlanStore knows of a full sync of customers, zones and jobs.
type fakePlanStore struct{}

func (fakePlanStore) States(context.Context, events.TenantID) ([]ledger.EntityState, error) {
	return []ledger.EntityState{{Entity: "customers", Records: 1203}, {Entity: "zones", Records: 7}, {Entity: "jobs", Records: 40}}, nil
}

func (fakePlanStore) Freshness(context.Context) ([]ledger.Freshness, error) {
	return []ledger.Freshness{
		{TenantID: "985", Entity: "customers", AsOf: noon}, {TenantID: "985", Entity: "zones", AsOf: noon}, {TenantID: "985", Entity: "jobs", AsOf: noon},
		{TenantID: "986", Entity: "estimates", AsOf: noon},
	}, nil
}

func (fakePlanStore) FindRuns(_ context.Context, f ledger.RunFilter, _ int) ([]ledger.Run, error) {
	counts := map[string]events.Counts{"customers": {Pages: 12, Fetched: 1200}, "jobs": {Pages: 1, Fetched: 40}}
	if c, known := counts[f.Entity]; known && f.Mode == events.Full && f.TenantID == "985" {
		return []ledger.Run{{Results: []events.Result{{Entity: "others"}, {Entity: f.Entity, Counts: c}}}}, nil
	}
	return nil, nil
}

func planConfig(t *testing.T, set ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(append([]string{"SERVICETITAN_TENANT_ID=985", "SYNC_ENTITIES=customers,jobs,zones,estimates", "SERVICETITAN_REQUESTS_PER_SECOND=2"}, set...), config.Options{})
	require.NoError(t, err)
	return cfg
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o     PlanOptions
		store PlanStore
	}{
		"full":                    {PlanOptions{Mode: events.Full}, fakePlanStore{}},
		"full-without-database":   {PlanOptions{Mode: events.Full}, nil},
		"incremental":             {PlanOptions{Mode: events.Incremental, Overlap: 15 * time.Minute}, fakePlanStore{}},
		"incremental-no-database": {PlanOptions{Mode: events.Incremental}, nil},
		"verify":                  {PlanOptions{Mode: events.Verify, Entities: []string{"customers", "estimates"}}, fakePlanStore{}},
		"full-json":               {PlanOptions{Mode: events.Full, JSON: true}, fakePlanStore{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counter := &fakeCounter{records: map[string]int{"customers": 1210, "jobs": 41, "zones": 6, "estimates": 12}, limited: 2}
			var out bytes.Buffer
			require.NoError(t, Plan(t.Context(), counter, c.store, planConfig(t), c.o, &out))
			requireGolden(t, "plan/"+name+".txt", out.String())
			if name == "incremental" {
				require.Equal(t, map[string]time.Time{"customers": noon, "jobs": noon, "zones": noon.Add(-15 * time.Minute)}, counter.since, "a list is read with its overlap")
			}
		})
	}
}

// What cannot be counted has its reason, does not stop the others, and sets the exit code.
func TestPlanOfWhatCannotBeCounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Plan(t.Context(), &fakeCounter{records: map[string]int{"customers": 5}}, nil, planConfig(t), PlanOptions{Mode: events.Full, Entities: []string{"jobs", "customers"}}, &out)
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, ExitFailed, exit.Code)
	require.Regexp(t, `(?m)^jobs +feed +unknown +- +jobs: status 403`, out.String())
	require.Regexp(t, `(?m)^customers +feed +5 +at least 1 `, out.String())
	require.Contains(t, out.String(), "Calls of the API: at least 1.")
}

func TestPlanOfBadArguments(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]PlanOptions{
		`entities[0]: got "jbos", want a known entity (did you mean jobs?)`: {Mode: events.Full, Entities: []string{"jbos"}},
		`tenantId: got "7", want 985`:                                       {Mode: events.Full, TenantID: "7"},
	} {
		err := Plan(t.Context(), nil, nil, planConfig(t), o, nil)
		var exit *ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, ExitUsage, exit.Code)
		require.Contains(t, exit.Message, want)
	}
}

func TestCallsOfAnEntity(t *testing.T) {
	t.Parallel()
	feed := events.Counts{Pages: 10, Fetched: 995}
	for name, c := range map[string]struct {
		entity  string
		mode    events.Mode
		records int
		feed    events.Counts
		calls   int64
		isLeast bool
	}{
		"a feed, full":                      {"customers", events.Full, 995, feed, 1 + 10, false},
		"a feed with more records":          {"customers", events.Full, 1100, feed, 1 + 12, false},
		"a feed that was never read":        {"customers", events.Full, 995, events.Counts{}, 1, true},
		"a feed of one page":                {"customers", events.Full, 5, events.Counts{Pages: 1, Fetched: 6}, 1, false},
		"a feed that had one page":          {"customers", events.Full, 60, events.Counts{Pages: 1, Fetched: 6}, 1 + 10, true},
		"a feed without changes":            {"customers", events.Incremental, 0, events.Counts{}, 1, false},
		"a feed with changes":               {"customers", events.Incremental, 150, feed, 2, false},
		"an empty list":                     {"zones", events.Full, 0, events.Counts{}, 1, false},
		"a list of one page":                {"zones", events.Full, 5000, events.Counts{}, 1, false},
		"a sorted list of two pages":        {"zones", events.Full, 5001, events.Counts{}, 2 + 1, false},
		"a list of two pages in any order":  {"ap_bills", events.Full, 5001, events.Counts{}, 2 + 2, false},
		"a list without changes":            {"zones", events.Incremental, 0, events.Counts{}, 1, false},
		"a list with changes, verify":       {"zones", events.Verify, 3, events.Counts{}, 2 + 1, false},
		"a list that does not count":        {"materials_markup", events.Full, -1, events.Counts{}, 1, true},
		"one response with all its records": {"material_cost_types", events.Full, -1, events.Counts{}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, known := entity.Find(c.entity)
			require.True(t, known)
			calls, isLeast, _ := callsOf(e, c.mode, c.records, c.feed)
			require.Equal(t, c.calls, calls)
			require.Equal(t, c.isLeast, isLeast)
		})
	}
}

// The configuration says what it costs.
func TestConfigPrintsCosts(t *testing.T) {
	t.Parallel()
	cfg := planConfig(t, "SYNC_SCHEDULE_INCREMENTAL=*/5 * * * * jobs;0 2 * * *", "SYNC_SCHEDULE_FULL=0 3 * * 0", "SYNC_MIN_INTERVAL=2m")
	var text, asJSON bytes.Buffer
	require.NoError(t, PrintConfig(cfg, false, &text))
	require.NoError(t, PrintConfig(cfg, true, &asJSON))
	require.Regexp(t, `(?m)^lazisync-incremental-985-jobs +\*/5 \* \* \* \* +1 +288 +288$`, text.String())
	require.Regexp(t, `(?m)^lazisync-incremental-985 +0 2 \* \* \* +3 +1 +3$`, text.String())
	require.Regexp(t, `(?m)^lazisync-full-985 +0 3 \* \* 0 +4 +0\.14 +0\.57$`, text.String())
	require.Regexp(t, `(?m)^tenant 985: at least 292 of the 172,800 calls a day that 2 a second allow\. .*at most 720 a day \(SYNC_MIN_INTERVAL is 2m0s\)`, text.String())
	var printed struct{ Schedules []scheduleCost }
	require.NoError(t, json.Unmarshal(asJSON.Bytes(), &printed))
	require.Len(t, printed.Schedules, 3)
	require.Equal(t, scheduleCost{
		ScheduleID: "lazisync-incremental-985-jobs", TenantID: "985", Mode: events.Incremental, Cron: "*/5 * * * *", Entities: []string{"jobs"}, RunsPerDay: 288, CallsPerDay: 288,
	}, printed.Schedules[0])

	none, err := config.Load([]string{"SYNC_SCHEDULE_INCREMENTAL=off", "SYNC_SCHEDULE_FULL=off"}, config.Options{})
	require.NoError(t, err)
	text.Reset()
	require.NoError(t, PrintConfig(none, false, &text))
	require.Contains(t, text.String(), "at least 0 of the 4,320,000 calls a day that 50 a second allow. Webhooks may cause any number of incremental passes")
}
