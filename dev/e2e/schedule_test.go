package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	processes "github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/simulator"
)

// never is a cron expression whose time is not during a test.
const never = "0 0 1 1 *"

// scheduleView is a schedule in the output of REST and the command line.
type scheduleView struct {
	ScheduleID string
	Cron       string
	Entities   []string
	Timezone   string
	Paused     bool
	Note       string
	NextRuns   []time.Time
	Running    []string
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.migrate(t, "SYNC_SCHEDULE_INCREMENTAL="+never, "SYNC_SCHEDULE_FULL=0 3 * 1 0", "SYNC_TIMEZONE=Europe/Berlin")
	serve := w.start(t, "serve")
	w.full(t)
	incremental, full := "lazisync-incremental-"+w.tenant, "lazisync-full-"+w.tenant
	schedules := func() map[string]scheduleView {
		var shown struct{ Schedules []scheduleView }
		got := callAvailable(t, http.MethodGet, serve.gateway+"/api/temporal/schedules", "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.NoError(t, json.Unmarshal([]byte(got.body), &shown))
		byID := map[string]scheduleView{}
		for _, s := range shown.Schedules {
			byID[s.ScheduleID] = s
		}
		return byID
	}
	steer := func(id, verb, body string) answer {
		return callAvailable(t, http.MethodPost, serve.gateway+"/api/temporal/schedules/"+id+"/"+verb, body)
	}

	t.Run("are as configured, and migrate keeps them so", func(t *testing.T) {
		shown := schedules()
		require.Len(t, shown, 2)
		require.Equal(t, "0 3 * 1 0", shown[full].Cron)
		require.Equal(t, "Europe/Berlin", shown[full].Timezone)
		next := shown[full].NextRuns[0].In(berlin(t))
		require.Equal(t, []int{int(time.Sunday), 3, 0}, []int{int(next.Weekday()), next.Hour(), next.Minute()})

		require.Equal(t, http.StatusOK, steer(full, "pause", `{"reason":"month-end"}`).status)
		w.migrate(t, "SYNC_SCHEDULE_INCREMENTAL="+never, "SYNC_SCHEDULE_FULL=30 4 1 1 *")
		shown = schedules()
		require.Equal(t, "30 4 1 1 *", shown[full].Cron)
		require.Equal(t, "UTC", shown[full].Timezone)
		require.True(t, shown[full].Paused, "a pause is the operator's")
		require.Equal(t, "paused: month-end", shown[full].Note)
	})
	t.Run("are steered at the command line", func(t *testing.T) {
		table := w.run(t, "schedules", "ls")
		require.Zero(t, table.code, table.errors)
		require.Regexp(t, full+` +30 4 1 1 \* +customers, jobs \+2 +UTC +paused +- +never +paused: month-end`, table.out)
		require.Equal(t, result{0, full + " resumed\n", ""}, w.run(t, "schedules", "resume", full, "--reason", "books closed"))
		require.Contains(t, schedules()[full].Note, "books closed")
		require.Equal(t, result{0, incremental + " paused\n", ""}, w.run(t, "schedules", "pause", incremental))
		require.True(t, schedules()[incremental].Paused)

		unknown := w.run(t, "schedules", "trigger", "lazisync-full-1")
		require.Equal(t, 1, unknown.code)
		require.Contains(t, unknown.errors, `unknown schedule "lazisync-full-1"`)
	})
	t.Run("a trigger publishes a request, and overlaps are skipped", func(t *testing.T) {
		require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "503", Count: -1})) // the sync retries until this fault ends
		triggered := steer(incremental, "trigger", "")
		require.True(t, triggered.isAccepted(), triggered.body)
		if !triggered.isRepeated {
			require.Contains(t, triggered.body, `"workflowId":"`+incremental+"-")
		}
		requested, data := await(t, w, "sync.requested", func(d events.RequestData) bool { return d.Mode == events.Incremental })
		require.Equal(t, "/lazisync/schedules", requested.Source)
		require.True(t, strings.HasPrefix(requested.ID, incremental+"-"))
		require.EqualValues(t, w.tenant, data.TenantID)

		again := steer(incremental, "trigger", "")
		require.Equal(t, http.StatusConflict, again.status, again.body)
		skipped := w.run(t, "schedules", "trigger", incremental)
		require.Equal(t, 4, skipped.code)
		require.Contains(t, skipped.errors, "its previous sync is still running")
		require.Len(t, schedules()[incremental].Running, 1)

		w.stack.Simulator.ClearFaults()
		w.completed(t, events.RequestID(requested.Source, requested.ID))
		require.Eventually(t, func() bool { return steer(incremental, "trigger", "").isAccepted() }, waitLimit, 10*tick,
			"with the outcome the schedule is free again")
		require.Eventually(t, func() bool { return len(schedules()[incremental].Running) == 0 }, waitLimit, 10*tick)
	})
	t.Run("what a schedule started is cancelled with what it waits for", func(t *testing.T) {
		require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "503", Count: -1}))
		defer w.stack.Simulator.ClearFaults()
		require.True(t, steer(incremental, "trigger", "").isAccepted())
		require.Eventually(t, func() bool { return len(schedules()[incremental].Running) == 1 }, waitLimit, tick)
		id := schedules()[incremental].Running[0]
		requestID := events.RequestID("/lazisync/schedules", id)
		w.accepted(t, requestID)
		cancelled := callAvailable(t, http.MethodPost, serve.gateway+"/api/temporal/workflows/"+url.PathEscape(id)+"/cancel", "")
		require.True(t, cancelled.isAccepted(), cancelled.body)
		w.outcome(t, "sync.cancelled", requestID)
		require.Eventually(t, func() bool { return len(schedules()[incremental].Running) == 0 }, waitLimit, tick)
	})
	t.Run("cover what webhooks missed, all by themselves", func(t *testing.T) {
		serve.stop(t)
		w.changeWithoutWebhooks(t)
		require.False(t, w.equal(t))
		require.Zero(t, w.run(t, "schedules", "resume", incremental).code)
		requested := len(all[events.RequestData](t, w, "sync.requested"))
		w.everySecond(t, incremental)
		w.start(t, "serve")
		require.Eventually(t, func() bool { return w.equal(t) }, waitLimit, 10*tick)
		require.Greater(t, len(all[events.RequestData](t, w, "sync.requested")), requested, "because the schedule asked")
	})
	t.Run("go when they are switched off", func(t *testing.T) {
		w.migrate(t)
		none := w.run(t, "schedules", "ls")
		require.Zero(t, none.code, none.errors)
		require.Contains(t, none.out, "No schedule")
		w.migrate(t)
	})
	t.Run("go when their tenant does, and leave those of others alone", func(t *testing.T) {
		orphan, stranger := "lazisync-full-1"+w.tenant, "lazisync-full-2"+w.tenant
		for id, queue := range map[string]string{orphan: w.stack.Variable("TEMPORAL_TASK_QUEUE"), stranger: "another"} {
			_, err := w.temporal.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
				ID: id, Spec: client.ScheduleSpec{CronExpressions: []string{never}},
				Action: &client.ScheduleWorkflowAction{ID: id, Workflow: "ScheduledSync", TaskQueue: queue},
			})
			require.NoError(t, err)
		}
		exists := func(id string) bool {
			_, err := w.temporal.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
			return err == nil
		}
		require.Eventually(t, func() bool { // Temporal lists a new schedule after a delay
			w.migrate(t)
			return !exists(orphan)
		}, waitLimit, 10*tick)
		require.True(t, exists(stranger))
	})
}

// Entities are synced as often as their line of the variable says. A changed variable changes,
// creates and removes the schedules of its lines.
func TestSchedulesOfGroupsOfEntities(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	base := "lazisync-incremental-" + w.tenant
	jobs, estimates := base+"-jobs", base+"-estimates"
	w.set = []string{"SYNC_SCHEDULE_INCREMENTAL=30 4 1 1 * jobs,invoices;0 4 1 1 *"}
	migrated := w.run(t, "migrate")
	require.Zero(t, migrated.code, migrated.errors)
	require.Contains(t, migrated.out, jobs+": created, 30 4 1 1 *")
	serve := w.start(t, "serve")
	w.full(t)
	list := func() map[string]scheduleView {
		var shown struct{ Schedules []scheduleView }
		printed := w.run(t, "schedules", "ls", "--json")
		require.Zero(t, printed.code, printed.errors)
		require.NoError(t, json.Unmarshal([]byte(printed.out), &shown))
		byID := map[string]scheduleView{}
		for _, s := range shown.Schedules {
			byID[s.ScheduleID] = s
		}
		return byID
	}
	shown := list()
	require.Len(t, shown, 2)
	require.Equal(t, []string{"customers", "estimates"}, shown[base].Entities)
	require.Equal(t, []string{"jobs", "invoices"}, shown[jobs].Entities)
	require.Equal(t, 30, shown[jobs].NextRuns[0].Minute())
	found := w.examine(t, 0)
	require.Equal(t, "ok", found["schedule "+base].Status, "%+v", found)
	require.Equal(t, "ok", found["schedule "+jobs].Status, "%+v", found)

	triggered := callAvailable(t, http.MethodPost, serve.gateway+"/api/temporal/schedules/"+jobs+"/trigger", "")
	require.True(t, triggered.isAccepted(), triggered.body)
	_, data := await(t, w, "sync.requested", func(d events.RequestData) bool { return d.Reason == "schedule "+jobs })
	require.Equal(t, []string{"jobs", "invoices"}, data.Entities)
	await(t, w, "sync.completed", func(d events.OutcomeData) bool {
		return d.Mode == events.Incremental && slices.Equal(d.Entities, []string{"jobs", "invoices"})
	})
	require.Zero(t, w.run(t, "schedules", "pause", jobs, "--reason", "month-end").code)

	w.set = []string{"SYNC_SCHEDULE_INCREMENTAL=30 4 1 1 * jobs,invoices,customers;15 4 1 1 * estimates"}
	found = w.examine(t, 1)
	require.Equal(t, "FAIL", found["schedule "+jobs].Status, "%+v", found)
	require.Equal(t, "reads jobs, invoices, want jobs, invoices, customers", found["schedule "+jobs].Detail)
	require.Equal(t, "exists, want off", found["schedule "+base].Detail)
	require.Equal(t, "does not exist, want 15 4 1 1 *", found["schedule "+estimates].Detail)
	require.Zero(t, w.run(t, "migrate").code)
	shown = list()
	require.Len(t, shown, 2)
	require.Equal(t, []string{"jobs", "invoices", "customers"}, shown[jobs].Entities)
	require.True(t, shown[jobs].Paused, "the group has another entity, and is the same schedule")
	require.Equal(t, []string{"estimates"}, shown[estimates].Entities)

	w.set = []string{"SYNC_SCHEDULE_INCREMENTAL=0 4 1 1 *"}
	require.Eventually(t, func() bool { // Temporal lists a new schedule after a delay
		return w.examine(t, 1)["schedule "+jobs].Detail == "exists, but is not configured"
	}, waitLimit, 10*tick)
	require.Eventually(t, func() bool {
		removed := w.run(t, "migrate")
		require.Zero(t, removed.code, removed.errors)
		for _, id := range []string{jobs, estimates} {
			if _, err := w.temporal.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context()); err == nil {
				return false
			}
		}
		return true
	}, waitLimit, 10*tick)
	shown = list()
	require.Len(t, shown, 1)
	require.Equal(t, core, shown[base].Entities)
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	return l
}

// migrate runs lazisync migrate with some other variables.
func (w *fixture) migrate(t *testing.T, set ...string) {
	t.Helper()
	cfg, err := app.Load(w.environ(set...), app.ServeRole)
	require.NoError(t, err)
	require.NoError(t, commands.Migrate(t.Context(), cfg, cli.MigrateOptions{}, zerolog.Nop(), io.Discard))
}

// everySecond makes a schedule run every second, which a cron expression cannot.
func (w *fixture) everySecond(t *testing.T, id string) {
	t.Helper()
	err := w.temporal.ScheduleClient().GetHandle(t.Context(), id).Update(t.Context(), client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			s.Spec = &client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Second}}}
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	})
	require.NoError(t, err)
}

// changeWithoutWebhooks changes records while no gateway accepts webhooks, until their retries are
// exhausted.
func (w *fixture) changeWithoutWebhooks(t *testing.T) {
	t.Helper()
	log := &processes.Log{}
	hooks := simulator.NewWebhooks(simulator.WebhookOptions{
		URL: w.stack.GatewayURL() + "/webhooks/servicetitan", Secret: w.stack.Variable("SERVICETITAN_WEBHOOK_SECRET"),
		Delays: []time.Duration{10 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond, 300 * time.Millisecond}, // ServiceTitan's in ms
		Logger: zerolog.New(log),
	})
	w.stack.Simulator.OnChange(hooks.Notify)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		hooks.Run(ctx)
		close(ended)
	}()
	const changes = 50
	w.stack.Simulator.Mutate(changes)
	require.Eventually(t, func() bool {
		return bytes.Count([]byte(log.String()), []byte("webhook failed, retries exhausted")) >= changes*9/10 // a few change nothing
	}, waitLimit, tick)
	cancel()
	<-ended
}

// migrate and doctor name a schedule that a change of the clocks skips, and doctor one in
// another time zone than configured.
func TestScheduleSkippedByAClockChangeIsReported(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.set = []string{"SYNC_SCHEDULE_FULL=30 2 * * 0", "SYNC_TIMEZONE=America/Denver"}
	const want = `30 2 \* \* 0 does not run on 20\d\d-03-\d\d: clocks in America/Denver go forward then, and 02:30 does not exist`
	migrated := w.run(t, "migrate")
	require.Zero(t, migrated.code, migrated.errors)
	id := "lazisync-full-" + w.tenant
	require.Regexp(t, `schedules +warning: `+id+`: `+want, migrated.out)
	w.start(t, "serve")
	found := w.examine(t, 0)
	require.Equal(t, "ok", found["schedule "+id].Status, "%+v", found)
	require.Equal(t, "warn", found["clock changes, schedule "+id].Status, "%+v", found)
	require.Regexp(t, want, found["clock changes, schedule "+id].Detail)

	w.set[1] = "SYNC_TIMEZONE=Europe/London"
	found = w.examine(t, 1)
	require.Equal(t, "FAIL", found["schedule "+id].Status, "%+v", found)
	require.Contains(t, found["schedule "+id].Detail, `is in time zone "America/Denver", want "Europe/London"`)
}
