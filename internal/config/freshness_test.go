package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestFreshness(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	type ages = map[string]time.Duration
	for name, c := range map[string]struct {
		set  []string
		want ages
	}{
		"default":                        {nil, ages{"customers": hour, "jobs": hour}},
		"general":                        {[]string{"SYNC_FRESHNESS=2h"}, ages{"customers": 2 * hour, "jobs": 2 * hour}},
		"two groups":                     {[]string{"SYNC_SCHEDULE_INCREMENTAL=*/5 * * * * jobs;0 2 * * *"}, ages{"customers": 48 * hour, "jobs": hour}},
		"one group":                      {[]string{"SYNC_SCHEDULE_INCREMENTAL=0 */2 * * * jobs"}, ages{"customers": 14 * 24 * hour, "jobs": 4 * hour}},
		"groups of full syncs":           {[]string{"SYNC_SCHEDULE_INCREMENTAL=off", "SYNC_SCHEDULE_FULL=0 3 * * * jobs"}, ages{"jobs": 48 * hour}},
		"groups, but set":                {[]string{"SYNC_SCHEDULE_INCREMENTAL=*/5 * * * * jobs;0 2 * * *", "SYNC_FRESHNESS=2h"}, ages{"customers": 2 * hour, "jobs": 2 * hour}},
		"groups, and one is set":         {[]string{"SYNC_SCHEDULE_INCREMENTAL=*/5 * * * * jobs;0 2 * * *", "SYNC_FRESHNESS=jobs=15m"}, ages{"customers": 48 * hour, "jobs": 15 * time.Minute}},
		"minimum interval":               {[]string{"SYNC_MIN_INTERVAL=45m"}, ages{"customers": 3 * hour, "jobs": 3 * hour}},
		"per entity":                     {[]string{"SYNC_FRESHNESS=jobs=15m, customers=24h"}, ages{"customers": 24 * hour, "jobs": 15 * time.Minute}},
		"combined":                       {[]string{"SYNC_FRESHNESS=2h,jobs=15m"}, ages{"customers": 2 * hour, "jobs": 15 * time.Minute}},
		"one off":                        {[]string{"SYNC_FRESHNESS=1h,customers=off"}, ages{"jobs": hour}},
		"off":                            {[]string{"SYNC_FRESHNESS=off"}, ages{}},
		"off but for one":                {[]string{"SYNC_FRESHNESS=off,jobs=15m"}, ages{"jobs": 15 * time.Minute}},
		"one that is not in the set":     {[]string{"SYNC_FRESHNESS=off,invoices=15m"}, ages{"invoices": 15 * time.Minute}},
		"slow schedule":                  {[]string{"SYNC_SCHEDULE_INCREMENTAL=0 */6 * * *"}, ages{"customers": 12 * hour, "jobs": 12 * hour}},
		"slow schedule, but set":         {[]string{"SYNC_SCHEDULE_INCREMENTAL=0 */6 * * *", "SYNC_FRESHNESS=3h"}, ages{"customers": 3 * hour, "jobs": 3 * hour}},
		"only the weekly full sync":      {[]string{"SYNC_SCHEDULE_INCREMENTAL=off"}, ages{"customers": 14 * 24 * hour, "jobs": 14 * 24 * hour}},
		"no schedule":                    {[]string{"SYNC_SCHEDULE_INCREMENTAL=off", "SYNC_SCHEDULE_FULL=off"}, ages{}},
		"no schedule, but set":           {[]string{"SYNC_SCHEDULE_INCREMENTAL=off", "SYNC_SCHEDULE_FULL=off", "SYNC_FRESHNESS=1h"}, ages{"customers": hour, "jobs": hour}},
		"no schedule, one entity is set": {[]string{"SYNC_SCHEDULE_INCREMENTAL=off", "SYNC_SCHEDULE_FULL=off", "SYNC_FRESHNESS=off,jobs=1h"}, ages{"jobs": hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := Load(append([]string{"SERVICETITAN_TENANT_ID=985", "SYNC_ENTITIES=customers,jobs"}, c.set...), Options{})
			require.NoError(t, err)
			require.Equal(t, map[events.TenantID]ages{"985": c.want}, cfg.FreshnessTargets())
		})
	}
}

func TestFreshnessNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for value, problem := range map[string]string{
		"soon":            "a duration from 1s to 30d",
		"0s":              "a duration from 1s to 30d",
		"1000000h":        "a duration from 1s to 30d",
		"1h,2h":           "only one without an entity",
		"jobs=1h,jobs=2h": "each entity once, and jobs is there twice",
		"custmers=1h":     "unknown entity custmers",
		"jobs=":           "a duration from 1s to 30d",
		"1h,":             "a duration from 1s to 30d",
	} {
		_, err := Load([]string{"SYNC_FRESHNESS=" + value}, Options{})
		require.ErrorContains(t, err, `SYNC_FRESHNESS: got "`+value+`", want `, value)
		require.ErrorContains(t, err, problem, value)
	}
}
