package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestCadence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Cadence{
		"off":                               nil,
		"*/15 * * * *":                      {{Cron: "*/15 * * * *"}},
		"  0  3 *\t* 0 ":                    {{Cron: "0 3 * * 0"}},
		"*/5 * * * * jobs":                  {{Cron: "*/5 * * * *", Entities: []string{"jobs"}}},
		"*/5 * * * * jobs , invoices, jobs": {{Cron: "*/5 * * * *", Entities: []string{"jobs", "invoices"}}},
		"*/5 * * * * jobs,invoices;0 2 * * *": {
			{Cron: "*/5 * * * *", Entities: []string{"jobs", "invoices"}}, {Cron: "0 2 * * *"},
		},
		"0 2 * * * ; 0 3 * * mon-fri jobs": {{Cron: "0 2 * * *"}, {Cron: "0 3 * * mon-fri", Entities: []string{"jobs"}}},
	} {
		got, err := parseCadence(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := parseCadence(got.String())
		require.NoError(t, err, got)
		require.Equal(t, got, again)
	}
}

// An entity follows the line that names it. The line without entities has the others.
func TestSchedulesOfATenant(t *testing.T) {
	t.Parallel()
	const id = events.TenantID("985")
	all := []string{"customers", "jobs", "invoices", "estimates"}
	off := []Schedule{
		{TenantID: id, Mode: events.Full, Cron: Off}, {TenantID: id, Mode: events.Verify, Cron: Off},
	}
	for text, want := range map[string][]Schedule{
		"off":         {{TenantID: id, Mode: events.Incremental, Cron: Off}},
		"*/5 * * * *": {{TenantID: id, Mode: events.Incremental, Cron: "*/5 * * * *", Entities: all, All: true}},
		"0 2 * * *;*/5 * * * * jobs,customers;0 * * * * invoices": {
			{TenantID: id, Mode: events.Incremental, Cron: "0 2 * * *", Entities: []string{"estimates"}},
			{TenantID: id, Mode: events.Incremental, Group: "jobs", Cron: "*/5 * * * *", Entities: []string{"jobs", "customers"}},
			{TenantID: id, Mode: events.Incremental, Group: "invoices", Cron: "0 * * * *", Entities: []string{"invoices"}},
		},
		"*/5 * * * * jobs": {
			{TenantID: id, Mode: events.Incremental, Group: "jobs", Cron: "*/5 * * * *", Entities: []string{"jobs"}},
			{TenantID: id, Mode: events.Incremental, Cron: Off},
		},
	} {
		cfg, err := Load([]string{"SERVICETITAN_TENANT_ID=985", "SYNC_SCHEDULE_FULL=off", "SYNC_SCHEDULE_INCREMENTAL=" + text}, tool)
		require.NoError(t, err, text)
		require.Equal(t, append(want, off...), cfg.Tenants[0].Schedules(), text)
	}
}

func TestCadenceInTheTenantsFile(t *testing.T) {
	t.Parallel()
	path, environ := tenantsIn(t, `{"tenants": [
		{"id": 1, "entities": ["jobs", "customers"], "scheduleIncremental": ["*/5 * * * * jobs", "0 2 * * *"], "scheduleFull": "0 3 * * 0 customers;0 3 * * 6 jobs"},
		{"id": 2, "entities": ["jobs"], "scheduleFull": "off"}
	]}`, "SYNC_SCHEDULE_INCREMENTAL=0 * * * *;*/10 * * * * invoices,jobs")
	_, err := Load(environ, tool)
	require.Equal(t, Problems{
		"SERVICETITAN_TENANTS_FILE " + path + ": tenant 2: scheduleIncremental: line 1: got no entities, and other lines name every entity of the field entities: want entities, or no such line",
		"SERVICETITAN_TENANTS_FILE " + path + `: tenant 2: scheduleIncremental: line 2: got "invoices", which the field entities does not list, want one of jobs`,
	}, err)

	_, environ = tenantsIn(t, `{"tenants": [
		{"id": 1, "entities": ["jobs", "customers"], "scheduleIncremental": ["*/5 * * * * jobs", "0 2 * * *"], "scheduleFull": "0 3 * * 0 customers;0 3 * * 6 jobs"}
	]}`)
	cfg, err := Load(environ, tool)
	require.NoError(t, err)
	require.Equal(t, "*/5 * * * * jobs;0 2 * * *", cfg.Tenants[0].ScheduleIncremental.String())
	require.Equal(t, "0 3 * * 0 customers;0 3 * * 6 jobs", cfg.Tenants[0].ScheduleFull.String())
	require.Equal(t, "*/5 * * * * jobs;0 2 * * *", cfg.Tenants[0].Values()["scheduleIncremental"].Text)
}
