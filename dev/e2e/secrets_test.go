package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lazi/lazisync/dev/fakeslack"
	processes "github.com/lazi/lazisync/dev/process"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// The secrets of one deployment, and wrong ones that cause errors.
const (
	natsSecret     = "nats-sEcReT-7c1e"
	clientSecret   = "cs1.sEcReT-8d2f"
	appKeySecret   = "ak1.sEcReT-9e30"
	temporalSecret = "temporal-sEcReT-0f41"
	tokenSecret    = "token-sEcReT-1052-0123456789abcdef0123456789"
	wrongSecret    = "wrong-sEcReT-2163"
)

// Every role and command runs into errors. Then everything that people can read is searched for
// each secret.
func TestSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{
		natsPassword: natsSecret,
		simulator:    simulator.Options{RecordsPerEntity: 20, ClientSecret: clientSecret, AppKey: appKeySecret},
	})
	api := startEchoServer(t, w.stack.Variable("SERVICETITAN_API_URL"))
	w = w.with(startTemporalFront(t, w.stack.Variable("TEMPORAL_ADDRESS"), temporalSecret)...).with(
		"LOG_LEVEL=trace", "SERVICETITAN_API_URL="+api.URL, "SERVICETITAN_AUTH_URL="+api.URL, "API_TOKENS=ops="+tokenSecret)
	p := &probe{fixture: w, secrets: []string{natsSecret, clientSecret, appKeySecret, temporalSecret, tokenSecret, wrongSecret}}
	p.addSecrets(t)

	serve := w.start(t, "serve")
	p.syncsThatFail(t, api)
	p.visitGateway(t, serve.gateway)
	p.runCommands(t)
	serve.stop(t)
	p.seen("the log of serve", serve.log.String())
	p.runRolesThatCannotConnect(t)

	p.secrets = append(p.secrets, api.shown()...)
	p.readStreams(t)
	p.readHistories(t)
	p.readTables(t)
	p.readSlack()
	p.requireNothing(t)
}

// probe collects everything that people can read.
type probe struct {
	*fixture
	secrets []string
	texts   []found
}

type found struct{ where, text string }

func (p *probe) seen(where, text string) { p.texts = append(p.texts, found{where, text}) }

// addSecrets adds the generated secrets of the fixture.
func (p *probe) addSecrets(t *testing.T) {
	t.Helper()
	database, err := url.Parse(p.stack.Variable("DATABASE_URL"))
	require.NoError(t, err)
	password, _ := database.User.Password()
	require.NotEmpty(t, password)
	slack, err := url.Parse(p.stack.Slack.URL())
	require.NoError(t, err)
	p.secrets = append(p.secrets, password, p.stack.Variable("SERVICETITAN_WEBHOOK_SECRET"), slack.Path)
}

// syncsThatFail makes ServiceTitan and Slack repeat the request in their errors.
func (p *probe) syncsThatFail(t *testing.T, api *echoServer) {
	t.Helper()
	p.full(t)
	for _, c := range []struct {
		below  string
		status int
	}{{"/", http.StatusUnauthorized}, {"/crm/", http.StatusForbidden}, {"/crm/", http.StatusBadRequest}} {
		api.answer(c.below, c.status)
		p.stack.Slack.Answer(&fakeslack.Answer{Status: http.StatusInternalServerError, Times: 1})
		p.outcome(t, "sync.failed", p.request(t, `{"mode":"full"}`))
	}
	api.answer("", 0)
	p.publish(t, "sync.requested", `{"mode":"full","entities":["jbos"]}`)
	p.rejected(t, func(d events.RejectedData) bool { return d.Code == events.CodeUnknownEntity })
}

// visitGateway sends valid and invalid requests to the gateway.
func (p *probe) visitGateway(t *testing.T, gateway string) {
	t.Helper()
	const body = `{"id":1,"eventType":"job.updated"}`
	webhook := p.stack.Variable("SERVICETITAN_WEBHOOK_SECRET")
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
	}{
		{"GET", "/api/sync/runs", "", []string{"Authorization", "Bearer " + tokenSecret}, 200},
		{"GET", "/api/sync/runs", "", []string{"Authorization", "Bearer " + wrongSecret}, 401},
		{"GET", "/api/sync/runs?token=" + wrongSecret, "", nil, 401},
		{"GET", "/api/sync/runs", "", []string{"Cookie", "lazisync_session=" + wrongSecret}, 401},
		{"POST", "/session", "", []string{"Authorization", "Bearer " + tokenSecret}, 204},
		{"POST", "/sync/full", `{"entities":["` + "x" + `"]}`, []string{"Authorization", "Bearer " + tokenSecret, "Content-Type", "application/json"}, 422},
		{"POST", "/webhooks/servicetitan", body, []string{"Content-Type", "application/json", "x-servicetitan-signature", sign(webhook, body)}, 200},
		{"POST", "/webhooks/servicetitan", body, []string{"Content-Type", "application/json", "x-servicetitan-signature", wrongSecret}, 401},
		{"GET", "/readyz", "", nil, 200},
		{"GET", "/metrics", "", []string{"Authorization", "Bearer " + tokenSecret}, 200},
	} {
		got := callAvailable(t, c.method, gateway+c.path, c.body, c.header...)
		require.Equal(t, c.status, got.status, "%s %s: %s", c.method, c.path, got.body)
		p.seen("the answer to "+c.method+" "+strings.ReplaceAll(c.path, wrongSecret, "…"), fmt.Sprint(got.header, got.body))
	}
}

// wrongSettings are addresses and credentials that do not work, each with a secret in it.
func (p *probe) wrongSettings() map[string]string {
	database, _ := url.Parse(p.stack.Variable("DATABASE_URL"))
	elsewhere := *database
	database.User = url.UserPassword(database.User.Username(), wrongSecret)
	elsewhere.Host = "127.0.0.1:1"
	nats := p.nats.URL()
	return map[string]string{
		"a wrong password of NATS":         "NATS_URL=" + strings.Replace(nats, natsSecret, wrongSecret, 1),
		"NATS elsewhere":                   "NATS_URL=nats://lazisync:" + natsSecret + "@127.0.0.1:1",
		"a wrong password of PostgreSQL":   "DATABASE_URL=" + database.String(),
		"PostgreSQL elsewhere":             "DATABASE_URL=" + elsewhere.String(),
		"a wrong API key of Temporal":      "TEMPORAL_API_KEY=" + wrongSecret,
		"a wrong client secret":            "SERVICETITAN_CLIENT_SECRET=" + wrongSecret,
		"a webhook of Slack that is wrong": "SLACK_WEBHOOK_URL=http://127.0.0.1:1/services/" + wrongSecret,
	}
}

// malformed are values that cannot be parsed.
func malformed() []string {
	return []string{
		"NATS_URL=lazisync:" + wrongSecret + "@127.0.0.1", "NATS_URL=http://u:" + wrongSecret + "/@h",
		"DATABASE_URL=postgres://u:" + wrongSecret + "%zz@h/d", "DATABASE_URL=postgres://u:" + wrongSecret + "@h:port/d",
		"DATABASE_URL=postgres://u:" + wrongSecret + "@h/d?sslmode=sometimes", "DATABASE_URL=host=h password=" + wrongSecret,
		"SLACK_WEBHOOK_URL=ftp://hooks.slack.com/" + wrongSecret, "SLACK_WEBHOOK_URLS=" + wrongSecret,
		"SLACK_WEBHOOK_URL=http://hooks.slack.com/services/" + wrongSecret,
		"API_TOKENS=" + wrongSecret, "API_TOKENS=ops=" + wrongSecret, "SERVICETITAN_WEBHOOK_SECRET=" + wrongSecret,
		"SERVICETITAN_API_URL=//u:" + wrongSecret + "@h", "SERVICETITAN_APP_KEY_FILE=/no/such/file",
	}
}

func (p *probe) runCommands(t *testing.T) {
	t.Helper()
	var ends []func() // most of them time out: all in parallel
	run := func(what string, set []string, args ...string) {
		c := p.beginWith(t, set, args...)
		ends = append(ends, func() {
			r := c.wait(t)
			p.seen("lazisync "+strings.Join(args, " ")+" with "+what, r.out+r.errors)
		})
	}
	run("all right", nil, "config")
	run("all right", nil, "config", "--json")
	run("all right", nil, "doctor")
	run("all right", nil, "deadletter", "show", "1")
	for _, bad := range malformed() {
		name, _, _ := strings.Cut(bad, "=")
		run("a malformed "+name, []string{bad}, "serve")
	}
	for what, bad := range p.wrongSettings() {
		run(what, []string{bad}, "doctor", "--json")
	}
	wrongSettings := p.wrongSettings()
	run("a wrong password of PostgreSQL", []string{wrongSettings["a wrong password of PostgreSQL"]}, "status")
	run("a wrong password of PostgreSQL", []string{wrongSettings["a wrong password of PostgreSQL"]}, "migrate")
	run("a wrong password of NATS", []string{wrongSettings["a wrong password of NATS"]}, "migrate")
	run("a wrong API key of Temporal", []string{wrongSettings["a wrong API key of Temporal"]}, "migrate")
	run("a wrong password of NATS", []string{wrongSettings["a wrong password of NATS"]}, "request", "full")
	for _, end := range ends {
		end()
	}
}

// runRolesThatCannotConnect runs each role with wrong settings of every service, until it logs the
// error.
func (p *probe) runRolesThatCannotConnect(t *testing.T) {
	t.Helper()
	wrongSettings := p.wrongSettings()
	for role, c := range map[string]struct {
		set  []string
		want []string // of the log
	}{
		"bridge":   {[]string{"a wrong password of NATS", "a wrong password of PostgreSQL", "a wrong API key of Temporal"}, []string{"not connected to NATS", "password authentication failed"}},
		"worker":   {[]string{"NATS elsewhere", "PostgreSQL elsewhere", "a wrong API key of Temporal"}, []string{"not connected to NATS", "worker not started, retrying"}},
		"gateway":  {[]string{"a wrong password of NATS", "a wrong password of PostgreSQL"}, []string{"not connected to NATS", "password authentication failed"}},
		"notifier": {[]string{"NATS elsewhere", "a webhook of Slack that is wrong"}, []string{"not connected to NATS"}},
	} {
		set := []string{}
		for _, what := range c.set {
			require.Contains(t, wrongSettings, what)
			set = append(set, wrongSettings[what])
		}
		cmd := exec.Command(program(t), role)
		cmd.Env = p.environ(append(set, "HTTP_ADDR=127.0.0.1:0")...)
		running, err := processes.Start(cmd)
		require.NoError(t, err)
		t.Cleanup(running.Kill)
		at, err := running.AwaitListening(waitLimit)
		require.NoError(t, err)
		p.askReady(t, at.Admin+"/readyz")
		require.NoError(t, running.Await(waitLimit, func(log *processes.Log) bool {
			return !slices.ContainsFunc(c.want, func(words string) bool { return !strings.Contains(log.String(), words) })
		}), "want %q", c.want)
		p.seen("the log of "+role, running.Log.String())
	}
}

// askReady requests /readyz of a process.
func (p *probe) askReady(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	p.seen("/readyz", string(text))
}

func (p *probe) readStreams(t *testing.T) {
	t.Helper()
	for _, name := range []string{"SYNC_COMMANDS", "SYNC_EVENTS", "SYNC_PROGRESS", "SYNC_DEADLETTER"} {
		stream, err := p.js.Stream(t.Context(), name)
		require.NoError(t, err)
		state := stream.CachedInfo().State
		for sequence := state.FirstSeq; sequence <= state.LastSeq && state.Msgs > 0; sequence++ {
			m, err := stream.GetMsg(t.Context(), sequence)
			require.NoError(t, err)
			p.seen("stream "+name, fmt.Sprint(m.Subject, m.Header, string(m.Data)))
		}
	}
}

// readHistories reads the workflow histories of the fixture's task queue.
func (p *probe) readHistories(t *testing.T) {
	t.Helper()
	list, err := p.temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: temporalserver.Namespace, Query: fmt.Sprintf("TaskQueue = 'e2e-%s'", p.tenant),
	})
	require.NoError(t, err)
	require.NotEmpty(t, list.Executions)
	for _, execution := range list.Executions {
		seen, err := proto.Marshal(execution)
		require.NoError(t, err)
		p.seen("what Temporal lists", string(seen))
		history := p.temporal.GetWorkflowHistory(t.Context(), execution.Execution.WorkflowId, execution.Execution.RunId, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			require.NoError(t, err)
			raw, err := proto.Marshal(event) // payloads are in it as they are
			require.NoError(t, err)
			p.seen("the history of "+execution.Execution.WorkflowId, string(raw))
		}
	}
}

func (p *probe) readTables(t *testing.T) {
	t.Helper()
	for _, table := range []string{"sync_requests", "sync_runs", "sync_state", "sync_cursors", "sync_controls", "rejected_records", "st_customers"} {
		p.seen("table "+table, value[string](t, p.fixture, "select coalesce(string_agg(r::text, ' '), '') from raw."+table+" r"))
	}
}

func (p *probe) readSlack() {
	for _, m := range p.stack.Slack.Messages() {
		p.seen("a message in Slack", string(m.Body))
	}
}

// requireNothing searches for every secret, plain and in its encodings. Each place must contain a
// known word, which shows that it was read.
func (p *probe) requireNothing(t *testing.T) {
	t.Helper()
	for where, word := range map[string]string{
		"the log of serve": `"message":"started"`, "lazisync config with": "API_TOKENS", "lazisync doctor with": "nats", "stream SYNC_EVENTS": "AuthError",
		"stream SYNC_COMMANDS": `"mode":"full"`, "stream SYNC_DEADLETTER": "jbos", "the history of full-sync-": "SyncSlice",
		"table sync_runs": "AuthError", "a message in Slack": "Full sync failed", "the log of worker": "worker not started, retrying",
	} {
		require.True(t, slices.ContainsFunc(p.texts, func(f found) bool {
			return strings.HasPrefix(f.where, where) && strings.Contains(f.text, word)
		}), "%s was not read: no %q", where, word)
	}
	for _, secret := range p.secrets {
		require.Greater(t, len(secret), 12)
		for _, f := range p.texts {
			for _, form := range forms(secret) {
				if at := strings.Index(f.text, form); at >= 0 {
					require.Fail(t, "a secret shows", "%s in %s:\n%s", secret, f.where, around(f.text, at))
				}
			}
		}
	}
}

func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), string(bytes.Trim(quoted, `"`)),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}

func around(text string, at int) string {
	return text[max(0, at-300):min(len(text), at+200)]
}
