package simulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// versions returns modifiedOn by id, from the simulator's memory.
func (a *api) versions(t *testing.T, entity string) map[int64]string {
	t.Helper()
	response, err := http.Get(a.url + "/_admin/records/" + entity)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	versions := map[int64]string{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		var line struct {
			ID      int64
			Deleted bool
			Record  row
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		require.Equal(t, line.ID, line.Record.ID)
		require.Equal(t, entity == "jobs" && !*line.Record.Active, line.Deleted)
		versions[line.ID] = *line.Record.ModifiedOn
	}
	require.NoError(t, lines.Err())
	return versions
}

// admin calls an admin route and returns status and body.
func (a *api) admin(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, a.url+"/_admin/"+path, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(text)
}

func TestAdminMutate(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 20})
	before := a.versions(t, "jobs")
	status, body := a.admin(t, "POST", "mutate", `{"entity":"jobs","create":3,"update":2,"delete":1}`)
	require.Equal(t, http.StatusOK, status, body)
	var done map[string]struct{ Created, Updated, Deleted []int64 }
	require.NoError(t, json.Unmarshal([]byte(body), &done))
	require.Len(t, done["jobs"].Created, 3)
	require.Len(t, done["jobs"].Updated, 2)
	require.Len(t, done["jobs"].Deleted, 1)
	after := a.versions(t, "jobs")
	require.Len(t, after, 23)
	require.NotEqual(t, before[done["jobs"].Deleted[0]], after[done["jobs"].Deleted[0]])

	for body, want := range map[string]string{
		`{"entity":"clients","create":1}`: `entity "clients" is not simulated`,
		`{"entity":"jobs","creat":1}`:     `unknown field "creat"`,
	} {
		status, text := a.admin(t, "POST", "mutate", body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, text, want)
	}
	status, _ = a.admin(t, "GET", "records/clients", "")
	require.Equal(t, http.StatusNotFound, status)
}

func TestAdminStats(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 30, RequestLog: 3})
	for range 3 {
		a.page(t, customersList+"?active=Any&pageSize=20")
	}
	a.page(t, customersExport)
	_, _ = a.get(t, customersList+"?page=0")

	_, body := a.admin(t, "GET", "stats", "")
	var stats simulator.Stats
	require.NoError(t, json.Unmarshal([]byte(body), &stats))
	require.Equal(t, simulator.EntityStats{ListCalls: 4, ExportCalls: 1, Refused: 1, Pages: 4, Records: 90}, stats.Entities["customers"])
	require.Equal(t, 1, stats.TokenCalls)
	require.Len(t, stats.Requests, 3, "the last ones")
	require.Equal(t, "page=0", stats.Requests[2].Query)
	require.Equal(t, "export", stats.Requests[1].On)

	status, _ := a.admin(t, "DELETE", "stats", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Zero(t, a.Stats().TokenCalls)
}

// TestIgnoredParameters: the statistics list the parameters that an endpoint does not have.
func TestIgnoredParameters(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 3})
	for path, want := range map[string][]string{
		customersList + "?active=Any&ids=1&page=1&pageSize=9&includeTotal=true&sort=%2BId&modifiedOnOrAfter=2020-01-01":     nil,
		jobsList + "?active=Any&scheduledOnOrAfter=2100-01-01":                                                              {"active", "scheduledOnOrAfter"},
		customersExport + "?from=2020-01-01&includeRecentChanges=true&pageSize=7&active=Any":                                {"active", "pageSize"},
		"/crm/v2/tenant/{tenant}/contacts/preferences?page=2&pageSize=5":                                                    {"page", "pageSize"},
		"/dispatch/v2/tenant/{tenant}/non-job-appointments?activeOnly=false&startsBefore=2020-01-01&active=True&pageSize=5": {"active", "startsBefore"},
	} {
		a.ResetStats()
		status, body := a.get(t, path)
		require.Equal(t, http.StatusOK, status, "%s", body)
		calls := a.Stats().Requests
		require.Equal(t, want, calls[len(calls)-1].Ignored, path)
	}
}

// TestPageFaultRepeatsTheFirstPage: the list ignores the parameter page.
func TestPageFaultRepeatsTheFirstPage(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 30})
	first := a.page(t, customersList+"?active=Any&pageSize=10")
	require.NoError(t, a.AddFault(simulator.Fault{Kind: "samePage"}))
	again := a.page(t, customersList+"?active=Any&pageSize=10&page=3")
	require.Equal(t, first.Data, again.Data)
	require.True(t, again.HasMore)
}

// TestSlowPages: a page is delayed, and the delay ends when the client disconnects.
func TestSlowPages(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 1})
	status, _ := a.admin(t, "POST", "pace", `{"delayMs":3600000}`)
	require.Equal(t, http.StatusNoContent, status)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(a.request(t, jobsList).WithContext(ctx))
		left <- err
	}()
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	a.SetPace(0)
	a.page(t, jobsList)
}

// TestJournalRestoresTheCompany: a restarted simulator has the records of before, even if the last
// line of the journal is incomplete.
func TestJournalRestoresTheCompany(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	options := simulator.Options{Seed: 2, RecordsPerEntity: 40}
	reopen := func() *api {
		a := start(t, options)
		require.NoError(t, a.KeepJournal(path))
		return a
	}
	a := reopen()
	untouched := a.versions(t, "customers")
	a.Mutate(200)
	left := a.versions(t, "customers")
	require.NotEqual(t, untouched, left)
	require.NoError(t, a.CloseJournal())
	a.Mutate(50) // not kept

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(whole, `{"entity":"`+strings.Repeat("jobs", 10_000)...), 0o600))
	b := reopen()
	require.Equal(t, left, b.versions(t, "customers"))
	b.Mutate(20)
	later := b.versions(t, "jobs")
	require.NoError(t, b.CloseJournal())
	require.Equal(t, later, reopen().versions(t, "jobs"))

	other := simulator.New(simulator.Options{Seed: 3, RecordsPerEntity: 40})
	require.ErrorContains(t, other.KeepJournal(path), "another company")
}

func TestServe(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	a := &api{Simulator: simulator.New(simulator.Options{RecordsPerEntity: 1}), url: "http://" + listener.Addr().String()}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, listener) }()
	a.login(t)
	stop()
	require.NoError(t, <-ended)
}

func TestRun(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 10})
	changes := make(chan simulator.Change, 1000)
	a.OnChange(func(c simulator.Change) {
		select {
		case changes <- c:
		default:
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.Run(ctx, time.Millisecond) }()
	c := <-changes
	require.Regexp(t, `^(customer|job|invoice|estimate)\.(created|updated|deleted)$`, c.Event)
	require.Contains(t, string(c.Record), `"id":`)
	stop()
	<-ended
}
