package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/internal/simulator"
)

// doctorCheck is a check in the output of lazisync doctor --json.
type doctorCheck struct{ Status, Check, Detail, Fix string }

// examine runs the doctor until it exits with wantCode, and returns its findings by check. On a busy
// machine a server may not answer in time.
func (w *fixture) examine(t *testing.T, wantCode int, args ...string) map[string]doctorCheck {
	t.Helper()
	var done result
	require.Eventually(t, func() bool {
		done = w.run(t, append([]string{"doctor", "--json"}, args...)...)
		return done.code == wantCode
	}, waitLimit, tick, "doctor exits with %d", wantCode)
	var all []doctorCheck
	require.NoError(t, json.Unmarshal([]byte(done.out), &all), done.out)
	byCheck := map[string]doctorCheck{}
	for _, f := range all {
		require.Equal(t, f.Status == "ok", f.Fix == "", "%+v", f)
		byCheck[f.Check] = f
	}
	return byCheck
}

func TestDoctorAcceptsAHealthySystem(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{webhooks: true})
	w.start(t, "serve")
	w.full(t)
	var done result
	pending := regexp.MustCompile(`ok +consumer SYNC_EVENTS/notifier +0 messages pending`)
	require.Eventually(t, func() bool { // the notifier settles the outcome a moment after the run has ended
		done = w.run(t, "doctor")
		return done.code == 0 && strings.Contains(done.out, " 0 warnings,") && pending.MatchString(done.out)
	}, waitLimit, tick, "%v", &done)
	require.NotContains(t, done.out, "FAIL")
	for _, want := range []string{
		`ok +nats +nats://127.0.0.1:\d+ without TLS, version 2\.`, `ok +stream SYNC_COMMANDS +as declared`,
		`ok +nats permissions +the NATS user has the permissions of lazisync serve`,
		`ok +database +PostgreSQL 1\d`, `ok +tables +match this version`, `ok +views +match this version`, `ok +changes +not recorded, SYNC_CHANGES is off`, `ok +outcomes +all published`, `ok +freshness `,
		`ok +temporal +127.0.0.1:\d+, version 1\.`, `ok +temporal namespace +default keeps closed workflows for`,
		`ok +task queue e2e-` + w.tenant + ` \(pages\) +polled by 1`, `ok +schedule lazisync-full-` + w.tenant + ` +off`,
		`ok +tenant ` + w.tenant + ` +credentials are valid, 4 entities checked`, `ok +tenant ` + w.tenant + `: invoices +readable, scope tn\.acc\.invoices:r`,
		`ok +webhooks of tenant ` + w.tenant + ` +1 keys`, `ok +slack webhook +the webhook responds`,
		`\d+ checks: \d+ ok, 0 warnings, 0 failures`,
	} {
		require.Regexp(t, want, done.out)
	}
	_, err := w.stack.Slack.Await(t.Context(), func(fakeslack.Message) bool { return true })
	require.NoError(t, err)
	require.Len(t, w.stack.Slack.Messages(), 1, "only that of the sync: doctor sends no message")

	for role, c := range map[string]struct{ with, without []string }{
		"bridge":   {[]string{"database", "temporal", "consumer SYNC_COMMANDS/bridge-requests"}, []string{"slack webhook", "tenant " + w.tenant, "gateway"}},
		"worker":   {[]string{"database", "temporal", "tenant " + w.tenant}, []string{"slack webhook", "consumer SYNC_EVENTS/notifier", "gateway"}},
		"gateway":  {[]string{"database", "temporal", "webhooks of tenant " + w.tenant}, []string{"slack webhook", "tenant " + w.tenant}},
		"notifier": {[]string{"slack webhook", "consumer SYNC_EVENTS/notifier"}, []string{"database", "temporal", "tenant " + w.tenant, "gateway"}},
	} {
		found := w.examine(t, 0, "--role", role)
		for _, check := range c.with {
			require.Contains(t, found, check, role)
		}
		for _, check := range c.without {
			require.NotContains(t, found, check, role)
		}
	}
}

func TestDoctorNamesTheFix(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "403", Entity: "jobs", Count: -1}))
	require.NoError(t, w.stack.Simulator.AddFault(simulator.Fault{Kind: "404", Entity: "estimates", Count: -1}))
	_, err := w.sql.Exec(t.Context(), "drop table raw.st_invoices cascade") // with its views
	require.NoError(t, err)
	w.editCommands(t)
	require.NoError(t, w.js.DeleteConsumer(t.Context(), "SYNC_EVENTS", "notifier"))
	_, err = w.temporal.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID: "lazisync-full-" + w.tenant, Spec: client.ScheduleSpec{CronExpressions: []string{"0 3 * * 0"}},
		Action: &client.ScheduleWorkflowAction{Workflow: "ScheduledSync", TaskQueue: "unused"},
	})
	require.NoError(t, err)

	found := w.examine(t, 1)
	for check, want := range map[string]doctorCheck{
		"stream SYNC_COMMANDS":               {"FAIL", "", "discard is DiscardOld, want DiscardNew", "lazisync migrate"},
		"consumer SYNC_EVENTS/notifier":      {"FAIL", "", "existence is missing, want present", "lazisync migrate"},
		"tables":                             {"FAIL", "", "the database lacks table raw.st_invoices", "lazisync migrate"},
		"schedule lazisync-full-" + w.tenant: {"FAIL", "", "exists, want off", "lazisync migrate"},
	} {
		require.Equal(t, want.Status, found[check].Status, check)
		require.Equal(t, want.Detail, found[check].Detail, check)
		require.Equal(t, want.Fix, found[check].Fix, check)
	}
	require.Contains(t, found[fmt.Sprintf("tenant %s: jobs", w.tenant)].Fix, "grant the app the scope tn.jpm.jobs:r")
	require.Equal(t, "FAIL", found[fmt.Sprintf("tenant %s: estimates", w.tenant)].Status)
	require.Equal(t, "ok", found[fmt.Sprintf("tenant %s: customers", w.tenant)].Status)
	require.Equal(t, "warn", found["consumer SYNC_COMMANDS/bridge-requests"].Status)
	require.Contains(t, found["consumer SYNC_COMMANDS/bridge-requests"].Fix, "start lazisync bridge")
	require.Equal(t, "warn", found[fmt.Sprintf("task queue e2e-%s (pages)", w.tenant)].Status)
}

func TestDoctorReportsWrongCredentialsAndUnavailableServers(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	for _, c := range []struct{ set, want string }{
		{"SERVICETITAN_CLIENT_SECRET=wrong-secret-of-a-client", `FAIL +tenant ` + w.tenant + ` +.*rejected the client ID or secret`},
		{"NATS_URL=nats://user:hunter2hunter2@127.0.0.1:1", `FAIL +nats +NATS at nats://\*\*\*@127.0.0.1:1: not connected`},
		{"DATABASE_URL=postgres://lazi:hunter2hunter2@127.0.0.1:1/lazi", `FAIL +database +.*connection refused`},
		{"TEMPORAL_ADDRESS=127.0.0.1:1", `FAIL +temporal +127.0.0.1:1: .*connection refused`},
		{"TEMPORAL_NAMESPACE=nowhere", `FAIL +temporal namespace +nowhere does not exist`},
		{"SLACK_WEBHOOK_URL=http://127.0.0.1:1/services/T0/B0/hunter2hunter2", `FAIL +slack webhook +notify the webhook: .*connection refused`},
	} {
		t.Run(strings.SplitN(c.set, "=", 2)[0], func(t *testing.T) {
			t.Parallel()
			var done result
			require.Eventually(t, func() bool { // on a busy machine another server may not answer in time
				done = w.runWith(t, []string{c.set}, "doctor")
				return regexp.MustCompile(c.want).MatchString(done.out)
			}, waitLimit, tick, "want %s: %v", c.want, &done)
			require.Equal(t, 1, done.code, done.out+done.errors)
			require.Contains(t, done.out, "fix: ")
			require.NotContains(t, done.out+done.errors, "hunter2")
			require.NotContains(t, done.out+done.errors, "wrong-secret")
		})
	}
}

// While a command can be redelivered, Temporal must know the workflow that served it.
func TestDoctorComparesNamespaceRetentionWithCommandRetention(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	for _, c := range []struct {
		days int
		want string
	}{
		{7, `FAIL +temporal namespace +%[1]s keeps closed workflows for 7 days, want more than the 7 days for which commands are kept\n +fix: temporal operator namespace update --namespace %[1]s --retention 240h`},
		{8, `ok +temporal namespace +%[1]s keeps closed workflows for 8 days, commands are kept for 7 days`},
	} {
		namespace := fmt.Sprintf("kept-%d-%s", c.days, w.tenant)
		_, err := w.temporal.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
			Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(time.Duration(c.days) * 24 * time.Hour),
		})
		require.NoError(t, err)
		want := regexp.MustCompile(fmt.Sprintf(c.want, namespace))
		var done result
		require.Eventually(t, func() bool { // a busy server may not answer in time
			done = w.runWith(t, []string{"TEMPORAL_NAMESPACE=" + namespace}, "doctor")
			return want.MatchString(done.out)
		}, waitLimit, tick, "want %s: %v", want, &done)
	}
}
