package fault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/lazi/lazisync/dev/compare"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/events"
)

// failures: runs wait for transient faults. No run fails, except those that the test expects.
func (v *oracle) failures(ctx context.Context) error {
	rows, err := v.sql.Query(ctx, "select run_number, coalesce(error->>'type', ''), coalesce(error->>'message', '') from raw.sync_runs where state = 'failed'")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number int64
		var kind, message string
		if err := rows.Scan(&number, &kind, &message); err != nil {
			return err
		}
		if !slices.Contains(v.mayFail, events.ErrorType(kind)) {
			v.find("run %d failed: %s: %s", number, kind, message)
		}
	}
	return rows.Err()
}

// starts: no request is served by two runs that began.
func (v *oracle) starts(context.Context) error {
	runs := map[string]map[int64]bool{}
	for _, e := range v.eventStream {
		if e.name() != "started" {
			continue
		}
		d, err := decode[events.StartedData](e)
		if err != nil {
			return err
		}
		for _, q := range d.Requests {
			if runs[q.RequestID] == nil {
				runs[q.RequestID] = map[int64]bool{}
			}
			runs[q.RequestID][d.RunNumber] = true
		}
	}
	for id, numbers := range runs {
		if len(numbers) > 1 && !v.setBack[id] {
			v.repeated++
			v.find("request %s was started %d times", id, len(numbers))
		}
	}
	return nil
}

// withdrawn is the run number in the outcome of a request that was cancelled before any
// run served it.
const withdrawn = 0

// ledger: it agrees with the events on every request and run.
func (v *oracle) ledger(ctx context.Context) error {
	rows, err := v.sql.Query(ctx, `
		select q.request_id, coalesce(r.run_number, 0), coalesce(r.state, 'none') from raw.sync_requests q left join raw.sync_runs r using (run_number)`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, state string
		var number int64
		if err := rows.Scan(&id, &number, &state); err != nil {
			return err
		}
		if v.ended[id][number] != state && v.ended[id][withdrawn] != state {
			v.find("request %s: the ledger says run %d %s, the events %v", id, number, state, v.ended[id])
		}
	}
	return rows.Err()
}

// executions: Temporal has started no full sync twice.
func (v *oracle) executions(ctx context.Context) error {
	ended := map[string]int{} // chains of executions, by workflow ID
	var page []byte
	for {
		list, err := v.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: temporalserver.Namespace, NextPageToken: page,
			Query: "WorkflowType = 'FullSync' and TaskQueue = 'fault-" + v.tenant + "'",
		})
		if err != nil {
			return fmt.Errorf("list workflows: %w", err)
		}
		for _, x := range list.Executions {
			if x.Status != enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
				ended[x.Execution.WorkflowId]++
			}
		}
		if page = list.NextPageToken; len(page) == 0 {
			break
		}
	}
	for id, n := range ended {
		if n > 1 {
			v.repeated++
			v.find("%s was executed %d times", id, n)
		}
	}
	return nil
}

// partition: every message of the command stream is accepted or a dead letter, none is
// both, and each is dead-lettered once.
func (v *oracle) partition(context.Context) error {
	deadLettered := map[string]int{}
	for _, d := range v.deadLetters {
		if d.header.Get("Lazisync-Stream") == "SYNC_COMMANDS" {
			deadLettered[d.header.Get("Lazisync-Sequence")+" "+d.header.Get("Lazisync-Stored")]++
		}
	}
	for _, m := range v.commandStream {
		id := events.RequestID(m.Source, m.ID)
		copies := 0
		for at, n := range deadLettered {
			if strings.HasPrefix(at, strconv.FormatUint(m.sequence, 10)+" ") {
				copies += n
			}
		}
		taken := v.accepted[id]+v.duplicates[id] > 0
		switch {
		case copies > 1:
			v.repeated++
			v.find("message %d is parked %d times", m.sequence, copies)
		case copies == 0 && !taken:
			v.lost++
			v.find("message %d is neither accepted nor parked: %s", m.sequence, m.body)
		}
	}
	return nil
}

// controls: each is applied once at most.
func (v *oracle) controls(context.Context) error {
	applied := map[string]map[int64]int{} // by reason and run
	for _, e := range v.eventStream {
		if e.name() != "paused" && e.name() != "resumed" {
			continue
		}
		d, err := decode[events.ControlledData](e)
		if err != nil {
			return err
		}
		if d.Part > 1 {
			continue
		}
		if applied[d.Reason] == nil {
			applied[d.Reason] = map[int64]int{}
		}
		applied[d.Reason][d.RunNumber]++
	}
	for _, a := range v.commands(events.KindControl) {
		for run, n := range applied[a.reason] {
			if n > 1 {
				v.repeated++
				v.find("control %s was applied %d times to run %d", a.requestID(), n, run)
			}
		}
	}
	return nil
}

// versions: no row went back to an older modified_on.
func (v *oracle) versions(ctx context.Context) error {
	var back int
	if err := v.sql.QueryRow(ctx, "select count(*) from public.went_back").Scan(&back); err != nil {
		return err
	}
	if back > 0 {
		v.find("%d rows went back to an older version", back)
	}
	return nil
}

// rows: every completely synced table equals ServiceTitan, record by record.
func (v *oracle) rows(ctx context.Context) error {
	rows, err := v.sql.Query(ctx, "select table_name from raw.sync_state where last_full_sync is not null")
	if err != nil {
		return err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		if name := strings.TrimPrefix(table, "raw.st_"); slices.Contains(v.compared, name) {
			names = append(names, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	compared, err := compare.Entities(ctx, v.stack.Variable("SERVICETITAN_API_URL"), v.store, v.tenant, names)
	if err != nil {
		return err
	}
	for _, c := range compared {
		if !c.Matched() || c.Records == 0 {
			v.find("%s: %d records, %d rows, %d equal: %v", c.Entity, c.Records, c.Rows, c.Equal, c.Differences)
		}
	}
	return nil
}

// usage is the number of resources that a role holds.
type usage struct{ goroutines, files int }

// Slack that a role has between its start and the end of its work: connections of its
// pools, pollers, a sticky cache.
const (
	moreGoroutines = 150
	moreFiles      = 60
)

func (one *role) usage(t *testing.T) usage {
	t.Helper()
	u, err := one.measure(t.Context())
	require.NoError(t, err)
	return u
}

// measure returns the usage of a role.
func (one *role) measure(ctx context.Context) (u usage, err error) {
	values, err := one.metrics(ctx)
	if err != nil {
		return u, err
	}
	u = usage{goroutines: int(values["go_goroutines"]), files: int(values["process_open_fds"])}
	if u.goroutines == 0 {
		return u, fmt.Errorf("%s has no metric go_goroutines", one.name)
	}
	return u, nil
}

// metrics returns the role's metrics without labels.
func (one *role) metrics(ctx context.Context) (values map[string]float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, one.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	values = map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = number
		}
	}
	return values, nil
}

// leaks: a role that survived the fault has about the same usage as before, and PostgreSQL has no
// more connections than the pools allow.
func (v *oracle) leaks(ctx context.Context) error {
	alive := 0
	for _, one := range v.roles {
		if one.HasEnded() {
			continue
		}
		alive++
		after, err := one.measure(ctx)
		if err != nil {
			return err
		}
		if one.before == (usage{}) {
			continue // it was not measured at its start
		}
		if after.goroutines > one.before.goroutines+moreGoroutines || after.files > one.before.files+moreFiles {
			v.find("%s holds %+v, at its start %+v", one.name, after, one.before)
		}
	}
	var connections int
	err := v.sql.QueryRow(ctx, "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'lazisync%'").Scan(&connections)
	if err != nil {
		return err
	}
	const pool = 24 // the largest of any role
	if connections > alive*pool {
		v.find("%d connections to PostgreSQL of %d processes", connections, alive)
	}
	return nil
}

// secrets: none in any log, and in no event.
func (v *oracle) secrets(context.Context) error {
	database, err := url.Parse(v.stack.Variable("DATABASE_URL"))
	if err != nil {
		return err
	}
	slack, err := url.Parse(v.stack.Variable("SLACK_WEBHOOK_URL"))
	if err != nil {
		return err
	}
	password, _ := database.User.Password()
	secrets := map[string]string{
		"DATABASE_URL": password, "SLACK_WEBHOOK_URL": slack.Path, "SERVICETITAN_WEBHOOK_SECRET": webhookSecret,
		"SERVICETITAN_CLIENT_SECRET": v.stack.Variable("SERVICETITAN_CLIENT_SECRET"), "SERVICETITAN_APP_KEY": v.stack.Variable("SERVICETITAN_APP_KEY"),
	}
	for name, secret := range secrets {
		for _, one := range v.roles {
			if strings.Contains(one.Log.String(), secret) {
				v.find("the log of %s shows %s", one.name, name)
			}
		}
		for _, e := range slices.Concat(v.eventStream, v.deadLetters) {
			if bytes.Contains(e.body, []byte(secret)) {
				v.find("%s %s shows %s", e.on, e.ID, name)
			}
		}
	}
	return nil
}

// budget: ServiceTitan rejected no call because of its rate limit, except where
// the test injects that.
func (v *oracle) budget(context.Context) error {
	refused := 0
	for _, call := range v.stack.Simulator.Stats().Requests {
		if call.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != v.refusals {
		v.find("ServiceTitan refused %d calls as too many, want %d", refused, v.refusals)
	}
	return nil
}
