package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

func TestEvaluateFreshness(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		in    ledger.ReadTime
		age   time.Duration
		stale bool
		since time.Time
	}{
		"fresh":                       {ledger.ReadTime{AsOf: ago(59 * time.Minute), Target: time.Hour}, 59 * time.Minute, false, time.Time{}},
		"as old as it may be":         {ledger.ReadTime{AsOf: ago(time.Hour), Target: time.Hour}, time.Hour, false, time.Time{}},
		"older":                       {ledger.ReadTime{AsOf: ago(90 * time.Minute), Target: time.Hour}, 90 * time.Minute, true, ago(30 * time.Minute)},
		"not evaluated":               {ledger.ReadTime{AsOf: ago(1000 * time.Hour)}, 1000 * time.Hour, false, time.Time{}},
		"never read, never requested": {ledger.ReadTime{Target: time.Hour}, 0, false, time.Time{}},
		"never read, just evaluated":  {ledger.ReadTime{TargetSince: ago(time.Minute), Target: time.Hour}, time.Minute, false, time.Time{}},
		"never read":                  {ledger.ReadTime{TargetSince: ago(2 * time.Hour), Target: time.Hour}, 2 * time.Hour, true, ago(time.Hour)},
		"read after it was evaluated": {ledger.ReadTime{AsOf: ago(time.Minute), TargetSince: ago(50 * time.Hour), Target: time.Hour}, time.Minute, false, time.Time{}},
		"ServiceTitan's clock ahead":  {ledger.ReadTime{AsOf: now.Add(time.Minute), Target: time.Hour}, 0, false, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.in.TenantID, c.in.Entity = "985", "jobs"
			got := ledger.EvaluateFreshness(ledger.ReadTimes{Now: now, Entities: []ledger.ReadTime{c.in}})
			require.Equal(t, []ledger.Freshness{{
				TenantID: "985", Entity: "jobs", AsOf: c.in.AsOf, Age: c.age, Target: c.in.Target, Stale: c.stale, Since: c.since,
			}}, got)
		})
	}
}

func TestLikelyCause(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	jobs := ledger.Outage{TenantID: "985", Entities: []ledger.OutageEntity{{Entity: "jobs", AsOf: at}}}
	run := func(r ledger.Run, entities ...string) []ledger.Run {
		r.Number, r.Entities, r.StartedAt = 7, entities, at
		return []ledger.Run{r}
	}
	failed := ledger.Run{State: ledger.Failed, Error: &events.RunError{Type: events.AuthError, Message: "invalid client"}}
	paused := ledger.Run{State: ledger.Running, Pause: &ledger.Pause{Actor: "ann", Reason: "month-end"}}
	schedule := ledger.Schedule{ScheduleID: "lazisync-incremental-985", TenantID: "985", Mode: events.Incremental, Entities: []string{"jobs"}, Paused: true, Note: "paused: month-end"}
	another := schedule
	another.Entities = []string{"invoices"}
	for name, c := range map[string]struct {
		outage ledger.Outage
		facts  ledger.CauseFacts
		want   string
	}{
		"unknown":                 {jobs, ledger.CauseFacts{Workers: true}, ""},
		"run paused":              {jobs, ledger.CauseFacts{Runs: run(paused, "jobs")}, "run 7 is paused by ann: month-end"},
		"another run paused":      {jobs, ledger.CauseFacts{Runs: run(paused, "invoices"), Workers: true}, ""},
		"Temporal unavailable":    {jobs, ledger.CauseFacts{TemporalError: errors.New("refused")}, "Temporal is unavailable"},
		"ServiceTitan refuses":    {jobs, ledger.CauseFacts{Workers: true, SliceFailure: "ServiceTitan: 503"}, "a run keeps failing, retrying: ServiceTitan: 503"},
		"no worker":               {jobs, ledger.CauseFacts{}, "no worker runs"},
		"a request waits for one": {jobs, ledger.CauseFacts{Workers: true, Waiting: []ledger.Waiting{{Why: ledger.WaitForWorker}}}, "no worker runs"},
		"schedule paused":         {jobs, ledger.CauseFacts{Workers: true, Schedules: []ledger.Schedule{schedule}, Runs: run(failed, "jobs")}, "schedule lazisync-incremental-985 is paused: month-end"},
		"another group's paused":  {jobs, ledger.CauseFacts{Workers: true, Schedules: []ledger.Schedule{another}, Runs: run(failed, "jobs")}, "run 7 failed: AuthError: invalid client"},
		"runs fail":               {jobs, ledger.CauseFacts{Workers: true, Runs: run(failed, "jobs")}, "run 7 failed: AuthError: invalid client"},
		"a run takes long":        {jobs, ledger.CauseFacts{Workers: true, Runs: run(ledger.Run{State: ledger.Running}, "jobs")}, "run 7 is open since 2026-03-01T12:00:00Z: its worker may be down, or it has much to read"},
		"never read": {ledger.Outage{TenantID: "985", Entities: []ledger.OutageEntity{{Entity: "jobs"}}}, ledger.CauseFacts{Workers: true},
			"jobs was never read completely: request a full sync"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.outage.LikelyCause(c.facts))
		})
	}
}

func TestUpdateOutages(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stale := func(tenant events.TenantID, entity string, since time.Duration) ledger.Freshness {
		return ledger.Freshness{
			TenantID: tenant, Entity: entity, AsOf: now.Add(-since - time.Hour), Age: since + time.Hour, Target: time.Hour, Stale: true, Since: now.Add(-since),
		}
	}
	fresh := func(tenant events.TenantID, entity string) ledger.Freshness {
		return ledger.Freshness{TenantID: tenant, Entity: entity, AsOf: now, Target: time.Hour}
	}
	names := func(all []ledger.Outage) (out []string) {
		for _, o := range all {
			text := string(o.TenantID)
			for _, e := range o.Entities {
				text += " " + e.Entity
			}
			out = append(out, text)
		}
		return out
	}
	outage := func(tenant events.TenantID, entities ...string) (o ledger.Outage) {
		o.TenantID = tenant
		for _, e := range entities {
			o.Entities = append(o.Entities, ledger.OutageEntity{Entity: e})
		}
		return o
	}
	for name, c := range map[string]struct {
		freshness      []ledger.Freshness
		open           []ledger.Outage
		opened, closed []string
	}{
		"nothing is stale":             {[]ledger.Freshness{fresh("1", "jobs")}, nil, nil, nil},
		"just became stale":            {[]ledger.Freshness{stale("1", "jobs", time.Second)}, nil, nil, nil},
		"stale":                        {[]ledger.Freshness{stale("1", "jobs", time.Minute)}, nil, []string{"1 jobs"}, nil},
		"with one that just became so": {[]ledger.Freshness{stale("1", "jobs", time.Minute), stale("1", "customers", 0), fresh("1", "invoices")}, nil, []string{"1 jobs customers"}, nil},
		"tenants are apart":            {[]ledger.Freshness{stale("1", "jobs", time.Minute), stale("2", "jobs", time.Minute)}, nil, []string{"1 jobs", "2 jobs"}, nil},
		"reported once":                {[]ledger.Freshness{stale("1", "jobs", time.Hour)}, []ledger.Outage{outage("1", "jobs")}, nil, nil},
		"another one later":            {[]ledger.Freshness{stale("1", "jobs", time.Hour), stale("1", "customers", time.Minute)}, []ledger.Outage{outage("1", "jobs")}, []string{"1 customers"}, nil},
		"fresh again":                  {[]ledger.Freshness{fresh("1", "jobs")}, []ledger.Outage{outage("1", "jobs")}, nil, []string{"1 jobs"}},
		"one of two fresh again":       {[]ledger.Freshness{fresh("1", "jobs"), stale("1", "customers", time.Hour)}, []ledger.Outage{outage("1", "jobs", "customers")}, nil, nil},
		"not evaluated any more":       {nil, []ledger.Outage{outage("1", "jobs")}, nil, []string{"1 jobs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened, closed := ledger.UpdateOutages(now, c.freshness, c.open)
			require.Equal(t, c.opened, names(opened))
			require.Equal(t, c.closed, names(closed))
			for _, o := range opened {
				require.Equal(t, now.Add(-time.Minute), o.Since)
			}
			for _, o := range closed {
				require.Equal(t, now, o.ClosedAt)
				require.Len(t, o.FreshEntities, len(o.Entities))
			}
		})
	}
}
