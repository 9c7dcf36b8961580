package temporal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

func TestScheduleOptions(t *testing.T) {
	t.Parallel()
	c := &Client{options: Options{TaskQueue: "queue", ScheduleTimeout: 97 * time.Hour}}
	for _, want := range []struct {
		id, cron string
		mode     events.Mode
		group    string
		entities []string
	}{
		{"lazisync-incremental-1039746210", "*/15 * * * *", events.Incremental, "", nil},
		{"lazisync-full-1039746210", "0 3 * * 0", events.Full, "", nil},
		{"lazisync-full-1039746210-jobs", "0 3 * * 6", events.Full, "jobs", []string{"jobs", "invoices"}},
	} {
		made := c.scheduleOptions(ScheduleSpec{
			TenantID: "1039746210", Mode: want.mode, Group: want.group, Cron: want.cron, Timezone: "Europe/Berlin", Entities: want.entities, Default: []string{"customers"},
		})
		require.Equal(t, want.id, made.ID)
		require.Equal(t, []string{want.cron + " # " + want.cron}, made.Spec.CronExpressions)
		require.Equal(t, "Europe/Berlin", made.Spec.TimeZoneName)
		require.Equal(t, enums.SCHEDULE_OVERLAP_POLICY_SKIP, made.Overlap)
		require.Equal(t, 10*time.Minute, made.CatchupWindow)
		action, ok := made.Action.(*client.ScheduleWorkflowAction)
		require.True(t, ok)
		require.Equal(t, "queue", action.TaskQueue)
		require.Equal(t, 97*time.Hour, action.WorkflowExecutionTimeout)
		require.Equal(t, []any{workflows.ScheduledSyncInput{Schedule: want.id, TenantID: "1039746210", Mode: want.mode, Entities: want.entities}}, action.Args)
	}
}
