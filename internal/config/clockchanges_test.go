package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// A schedule whose time a clock change skips or repeats is found in advance. A schedule that also
// runs shortly before or after is not reported.
func TestClockChangesThatASchedulesTimeMeets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ cron, zone, skipped, twice string }{
		{"30 2 * * 0", "America/Denver", "2027-03-14 02:30", ""},
		{"30 1 * * 0", "America/Denver", "", "2027-11-07 01:30"},
		{"0 2 * * *", "Europe/Berlin", "2027-03-28 02:00", "2027-10-31 02:00"},
		{"59 2 28 3 *", "Europe/Berlin", "2027-03-28 02:59", ""},
		{"0 3 * * 0", "Europe/Helsinki", "2027-03-28 03:00", "2027-10-31 03:00"},
		{"0 3 * * 0", "America/Denver", "", ""},
		{"0 1 * * 0", "Europe/London", "2027-03-28 01:00", "2027-10-31 01:00"},
		{"15 0 * * *", "America/Havana", "2027-03-14 00:15", "2027-11-07 00:15"},
		{"0 */2 * * *", "America/Denver", "2027-03-14 02:00", ""},
		{"30 2 * * 1-6", "America/Denver", "", ""}, // never on a Sunday
		{"30 2 13 * *", "America/Denver", "", ""},
		{"0 2,14 14 3 *", "America/Denver", "2027-03-14 02:00", ""},
		{"15 2 * * *", "Australia/Lord_Howe", "2027-10-03 02:15", ""},
		{"*/15 * * * *", "America/Denver", "", ""},
		{"30 * * * *", "America/Denver", "", ""},
		{"0 1-4 * * *", "America/Denver", "", ""},
		{"30 2 * * *", "UTC", "", ""},
		{"30 2 * * *", "America/Phoenix", "", ""},
		{"30 2 * * *", "Etc/GMT+7", "", ""},
	} {
		spec, err := parseCron(c.cron)
		require.NoError(t, err)
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		var skipped, twice string
		for _, change := range clockChanges(spec, zone, now, now.Add(scheduleOutlook)) {
			if shown := change.local.Format("2006-01-02 15:04"); change.skipped {
				skipped = shown
			} else {
				twice = shown
			}
		}
		require.Equal(t, []string{c.skipped, c.twice}, []string{skipped, twice}, "%s in %s", c.cron, c.zone)
	}
}

// The schedules of every tenant are checked; without tenants, those of the variables.
func TestScheduleWarnings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	cfg, err := Load(complete("SYNC_SCHEDULE_FULL=30 2 * * 0", "SYNC_TIMEZONE=America/Denver"), serve)
	require.NoError(t, err)
	require.Equal(t, []ScheduleWarning{{TenantID: "1039746210", Mode: events.Full,
		Text: "30 2 * * 0 does not run on 2027-03-14: clocks in America/Denver go forward then, and 02:30 does not exist"}}, cfg.ScheduleWarnings(now))
	cfg, err = Load(complete("SYNC_SCHEDULE_FULL=0 4 * * 0;30 2 * * 0 jobs", "SYNC_TIMEZONE=America/Denver"), serve)
	require.NoError(t, err)
	require.Equal(t, []ScheduleWarning{{TenantID: "1039746210", Mode: events.Full, Group: "jobs",
		Text: "30 2 * * 0 does not run on 2027-03-14: clocks in America/Denver go forward then, and 02:30 does not exist"}}, cfg.ScheduleWarnings(now))
	cfg, err = Load([]string{"SYNC_SCHEDULE_FULL=30 1 * * 0", "SYNC_TIMEZONE=America/Denver"}, tool)
	require.NoError(t, err)
	require.Equal(t, []ScheduleWarning{{Mode: events.Full,
		Text: "30 1 * * 0 runs twice on 2027-11-07: clocks in America/Denver go back then, and 01:30 occurs twice"}}, cfg.ScheduleWarnings(now))
}
