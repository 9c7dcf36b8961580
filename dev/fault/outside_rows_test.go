//go:build fault

package fault

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/fakeslack"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/simulator"
)

// Whatever wait a 429 requests, the sync waits for a limited time and continues.
func TestFault33RefusedWithAnyRetryAfter(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.waitLimit = 5 * time.Minute
	r.startAll(t, allRoles...)
	waits := []struct {
		text  string
		least time.Duration // before the next call
	}{
		{"soon", time.Second}, {"0", time.Second}, {"4", 4 * time.Second}, {"date", 6 * time.Second}, {"1000000000", 2 * time.Minute}, {"-30", time.Second},
	}
	for i, w := range waits {
		require.NoError(t, r.stack.Simulator.AddFault(simulator.Fault{Kind: "429", Skip: 3 * i, WaitSeconds: 6, RetryAfterText: w.text}))
	}
	r.refusals = len(waits)
	a := r.request(t, `{"mode":"full","entities":["customers"]}`)
	r.awaitSettled(t)
	require.Equal(t, "completed", r.state(t, a))
	r.incremental(t)
	r.checkOracle(t, time.Now())
	refused := 0
	calls := r.stack.Simulator.Stats().Requests
	for i, call := range calls {
		if call.Status != http.StatusTooManyRequests {
			continue
		}
		wait := waits[refused]
		refused++
		pause := calls[i+1].At.Sub(call.At)
		require.GreaterOrEqual(t, pause, wait.least-time.Second, "after Retry-After: %s", wait.text) // a date has whole seconds
		require.Less(t, pause, wait.least+time.Minute, "after Retry-After: %s", wait.text)
	}
	require.Len(t, waits, refused)
}

func TestFault34ServiceTitanErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, allRoles...)
	for _, outage := range []simulator.Fault{
		{Kind: "500", Skip: 3, Count: 4}, {Kind: "503html", Skip: 5, Count: 3}, {Kind: "html", Skip: 9, Count: 1}, {Kind: "reset", Skip: 12, Count: 3},
		{Kind: "truncate", Skip: 15, Count: 3}, {Kind: "slow", Skip: 18, Count: 2, DelayMS: 4000}, {Kind: "504", Skip: 22, Count: 2},
		{Kind: "repeatRecord", Skip: 30, Count: 3}, {Kind: "500", On: "token", Count: 2},
	} {
		require.NoError(t, r.stack.Simulator.AddFault(outage))
	}
	r.full(t)
	r.awaitSettled(t)
	r.incremental(t)
	r.checkOracle(t, time.Now())
}

func TestFault36RecordsChangeWhilePagesAreRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{simulator: manyPages})
	r.startAll(t, allRoles...)
	r.stack.Simulator.SetPace(50 * time.Millisecond)
	r.changing = true
	r.full(t)
	for range 40 {
		r.awaitPages(t, 2)
		r.stack.Simulator.Mutate(20)
	}
	r.stack.Simulator.SetPace(0)
	r.checkOracle(t, time.Now())
}

// nextSecond waits until ServiceTitan's Date is another: a row that was read in the very
// second in which a sync began is not missed by it.
func nextSecond(t *testing.T) {
	t.Helper()
	during(t, time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

// A list without a feed is suddenly much shorter: nothing is marked deleted until a request allows
// it.
func TestFault37ListSuddenlyShorter(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	r.mayFail = []events.ErrorType{events.DeleteGuard}
	r.startAll(t, allRoles...)
	const request = `{"mode":"full","entities":["gl_accounts"]}`
	r.request(t, request)
	r.awaitSettled(t)
	var before, marked int
	count := func() {
		require.NoError(t, r.sql.QueryRow(t.Context(), `
			select count(*), count(deleted_at) from raw.st_gl_accounts`).Scan(&before, &marked))
	}
	count()
	require.Greater(t, before, 100)
	for range before * 3 / 4 {
		id, err := r.stack.Simulator.RandomID("gl_accounts")
		require.NoError(t, err)
		require.NoError(t, r.stack.Simulator.Delete("gl_accounts", id))
	}
	nextSecond(t)
	r.request(t, request)
	r.awaitSettled(t)
	nextSecond(t)
	stoppedByGuard := r.request(t, request) // a row that is missing twice is deleted, unless the delete guard stops it
	r.awaitSettled(t)
	var kind string
	require.NoError(t, r.sql.QueryRow(t.Context(), `
		select r.error->>'type' from raw.sync_runs r join raw.sync_requests using (run_number) where request_id = $1`, stoppedByGuard.requestID()).Scan(&kind))
	require.Equal(t, string(events.DeleteGuard), kind)
	count()
	require.Zero(t, marked, "nothing is marked")
	nextSecond(t)
	r.request(t, `{"mode":"full","entities":["gl_accounts"],"allowDeletes":true}`)
	r.checkOracle(t, time.Now())
	count()
	require.Equal(t, before*3/4, marked)
}

// ServiceTitan's clock and ours differ by an hour. Watermarks use ServiceTitan's clock: with ours,
// an incremental sync of a list would begin an hour too late.
func TestFault38ClocksAnHourApart(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]time.Duration{"ServiceTitan is ahead": time.Hour, "ServiceTitan is behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := func() time.Time { return time.Now().Add(apart) }
			listed := []string{"vendors", "campaigns"} // they have no feed, and are read by date
			all := slices.Concat(core, listed)
			r := newRig(t, options{
				simulator: simulator.Options{Now: clock}, environ: []string{"SYNC_ENTITIES=" + strings.Join(all, ",")},
			})
			r.compared, r.changing = all, true
			r.startAll(t, allRoles...)
			for _, mode := range []string{"full", "incremental", "incremental"} {
				began := clock().Truncate(time.Second) // a Date has whole seconds
				r.request(t, `{"mode":"`+mode+`"}`)
				r.awaitSettled(t)
				var wrong []string
				require.NoError(t, r.sql.QueryRow(t.Context(), `
					select array_agg(table_name || ' ' || coalesce(resume_since::text, 'never') order by table_name) from raw.sync_state
					where resume_since is null or resume_since not between $1 and $2`, began, clock()).Scan(&wrong))
				if mode == "full" {
					require.Empty(t, wrong, "they continue from when ServiceTitan says they were read")
				} else {
					for _, name := range listed {
						require.NotContains(t, strings.Join(wrong, " "), name)
					}
				}
				r.stack.Simulator.Mutate(50)
				for _, name := range listed { // only full syncs detect deletions in a list
					for range 20 {
						id, err := r.stack.Simulator.RandomID(name)
						require.NoError(t, err)
						require.NoError(t, r.stack.Simulator.Update(name, id))
					}
					_, err := r.stack.Simulator.Create(name)
					require.NoError(t, err)
				}
			}
			r.checkOracle(t, time.Now())
		})
	}
}

func TestFault39SlackErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{ackWait: longAckWait})
	r.startAll(t, allRoles...)
	slack := r.stack.Slack
	for _, outage := range []fakeslack.Answer{
		{Status: http.StatusTooManyRequests, RetryAfter: 1, Times: 2},
		{Status: http.StatusInternalServerError, Times: 2},
		{Status: http.StatusInternalServerError, Delay: 15 * time.Second, Times: 1},
	} {
		notified := len(slack.Messages())
		slack.Answer(&outage)
		began := time.Now()
		a := r.full(t)
		require.Eventually(t, func() bool {
			var published bool
			err := r.sql.QueryRow(t.Context(), `
				select r.published_at is not null from raw.sync_runs r join raw.sync_requests using (run_number) where request_id = $1`,
				a.requestID()).Scan(&published)
			return err == nil && published
		}, waitLimit, tick)
		require.Len(t, slack.Messages(), notified, "the sync ended while Slack failed")
		r.awaitSettled(t)
		require.Len(t, slack.Messages(), notified+1, "sent once, after %s", time.Since(began))
	}
	slack.Answer(&fakeslack.Answer{Status: http.StatusNotFound, Times: 1}) // permanent: the webhook was revoked
	r.full(t)
	r.checkOracle(t, time.Now())
}
