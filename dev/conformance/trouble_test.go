package conformance

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/simulator"
)

// TestTransientErrorsAreRetried: the slice ends with an error that says what came, Temporal
// tries again, and nothing is missing.
func TestTransientErrorsAreRetried(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, few(t, "customers")...)
	for name, trouble := range map[string]struct {
		fault simulator.Fault
		says  string
		wait  time.Duration
	}{
		"a web page":                 {simulator.Fault{Kind: "html"}, `the response is not JSON; the body begins with "<!DOCTYPE html>`, 0},
		"a web page that says so":    {simulator.Fault{Kind: "503html"}, "status 503", 0},
		"a body that is cut off":     {simulator.Fault{Kind: "truncate"}, "no complete response", 0},
		"too many calls":             {simulator.Fault{Kind: "429", WaitSeconds: 50}, "rate limit exceeded", 50 * time.Second},
		"too many calls, in headers": {simulator.Fault{Kind: "429", WaitSeconds: 7, RetryAfter: true}, "rate limit exceeded", 7 * time.Second},
		"a broken server":            {simulator.Fault{Kind: "500"}, "status 500", 0},
		"a broken gateway":           {simulator.Fault{Kind: "502"}, "status 502", 0},
		"no server":                  {simulator.Fault{Kind: "503"}, "status 503", 0},
		"a slow server":              {simulator.Fault{Kind: "504"}, "status 504", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, db, simulator.Options{})
			trouble.fault.Entity, trouble.fault.On, trouble.fault.Skip = "customers", "export", 1
			p.goWrong(trouble.fault)
			run := p.begin(events.Full, false, "customers")
			_, err := p.slice(t.Context(), run, "customers")
			require.ErrorContains(t, err, trouble.says)
			var failure *temporal.ApplicationError
			require.True(t, errors.As(err, &failure))
			require.False(t, failure.NonRetryable())
			require.Equal(t, trouble.wait, failure.NextRetryDelay())

			p.finish(run, "customers")
			result := p.decide(run).Results[0]
			require.Equal(t, int64(records), result.Inserted)
			require.Equal(t, int64(3), result.Pages, "the page before the trouble is not read again")
			p.requireEqual("customers")
		})
	}
}

// TestPermanentErrorsFailOneEntity fails one entity, says why, and leaves the others alone.
func TestPermanentErrorsFailOneEntity(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, few(t, "customers", "campaigns")...)
	for name, trouble := range map[string]struct {
		options simulator.Options
		fault   string
		want    events.ErrorType
		says    string
	}{
		"a scope that was not granted": {simulator.Options{WithoutScopes: []string{"tn.mrk.campaigns:r"}}, "", events.PermissionError, "scope tn.mrk.campaigns:r"},
		"a path that is gone":          {simulator.Options{}, "404", events.NotFound, "/marketing/v2/tenant/"},
		"tokens that are refused":      {simulator.Options{}, "401", events.AuthError, "rejected the app key or a new token"},
		"a parameter that is refused":  {simulator.Options{}, "400", events.APIError, "status 400"},
		"a conflict":                   {simulator.Options{}, "409", events.APIError, "status 409"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, db, trouble.options, "campaigns")
			if trouble.fault != "" {
				p.goWrong(simulator.Fault{Kind: trouble.fault, Entity: "campaigns", Count: -1})
			}
			run := p.begin(events.Full, false, "customers", "campaigns")
			p.finish(run, "campaigns")
			p.finish(run, "customers")
			run = p.decide(run)
			require.Equal(t, ledger.Failed, run.State)
			require.Equal(t, events.StatusCompleted, run.Results[0].Status)
			require.Equal(t, events.StatusFailed, run.Results[1].Status)
			require.Equal(t, trouble.want, run.Results[1].Error.Type)
			require.Contains(t, run.Results[1].Error.Message, trouble.says)
			p.requireEqual("customers")
		})
	}
}

// TestRejectedTokenIsReplaced: a 401 in the middle costs one new token and nothing else.
func TestRejectedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPair(t, newDatabase(t, few(t, "customers")...), simulator.Options{})
	p.goWrong(simulator.Fault{Kind: "expiredTokens", Entity: "customers", On: "export", Skip: 1})
	p.complete(events.Full, "customers")
	require.Equal(t, 2, p.Stats().TokenCalls)
	p.requireEqual("customers")
}

// TestRejectedRecordsAreNotDeleted: they are kept apart, and never taken for deleted.
func TestRejectedRecordsAreNotDeleted(t *testing.T) {
	t.Parallel()
	p := newPair(t, newDatabase(t, few(t, "call_reasons")...), simulator.Options{}, "call_reasons") // which cannot be looked up
	const name, count = "call_reasons", `select count(*) from raw.rejected_records where tenant_id = $1`
	p.complete(events.Full, name)
	lost, err := p.RandomID(name)
	require.NoError(t, err)
	require.NoError(t, p.Delete(name, lost))

	p.goWrong(simulator.Fault{Kind: "badRecord", Entity: name, On: "list", Count: -1})
	for i := range 3 {
		bad := p.complete(events.Full, name)
		require.Equal(t, int64(12), bad.Rejected, "four on each page")
		require.Zero(t, bad.Deleted, "one of those without an id may be the missing one")
		require.Equal(t, int64(12*(i+1)), value[int64](p, count, p.tenant))
	}
	require.Equal(t, []string{strconv.FormatInt(lost, 10)}, p.different(name))

	p.ClearFaults()
	p.complete(events.Full, name)
	require.Equal(t, int64(1), p.complete(events.Full, name).Deleted)
	p.requireEqual(name)
}

// TestRejectedRecordKeepsItsEarlierVersion: an earlier version stays, however often its record comes with
// something that cannot be read.
func TestRejectedRecordKeepsItsEarlierVersion(t *testing.T) {
	t.Parallel()
	p := newPair(t, newDatabase(t, few(t, "campaigns")...), simulator.Options{}, "campaigns")
	const name = "campaigns"
	id, err := p.RandomID(name)
	require.NoError(t, err)
	require.NoError(t, p.Update(name, id)) // so that its moment is its own
	p.complete(events.Full, name)
	var moment string
	for _, r := range p.memory(name) {
		if r.number == id {
			moment = r.json.Get("modifiedOn").Raw
		}
	}
	p.answer = rewrite(moment, `"yesterday"`)
	for range 3 {
		bad := p.complete(events.Full, name)
		require.Equal(t, int64(1), bad.Rejected)
		require.Zero(t, bad.Deleted)
	}
	p.requireEqual(name)
}

// TestInvalidTextIsReplaced: the record is stored, with a mark in their place.
func TestInvalidTextIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPair(t, newDatabase(t, few(t, "campaigns")...), simulator.Options{}, "campaigns")
	p.answer = rewrite(`"name":"`, `"name":"\u0000 \ud83d `)
	result := p.complete(events.Full, "campaigns")
	require.Zero(t, result.Rejected)
	require.Equal(t, int64(records), value[int64](p, `
		select count(*) from raw.st_campaigns where tenant_id = $1 and name like E'\uFFFD \uFFFD %' and full_data ->> 'name' = name`, p.tenant))
}

// rewrite replaces a part of every answer of the API.
func rewrite(from, to string) func(http.Handler, http.ResponseWriter, *http.Request) {
	return func(api http.Handler, w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_admin/") {
			api.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			if name != "Content-Length" {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte(from), []byte(to)))
	}
}

// TestDeleteGuard: what looks like half of everything gone waits for a person.
func TestDeleteGuard(t *testing.T) {
	t.Parallel()
	p := newPair(t, newDatabase(t, few(t, "call_reasons")...), simulator.Options{}, "call_reasons")
	const name, gone = "call_reasons", records / 2 // which cannot be looked up
	p.complete(events.Full, name)
	for range gone {
		id, err := p.RandomID(name)
		require.NoError(t, err)
		require.NoError(t, p.Delete(name, id))
	}
	p.complete(events.Full, name)
	for range 2 {
		refused := p.sync(events.Full, name)
		require.Equal(t, events.DeleteGuard, refused.Error.Type)
		require.Zero(t, refused.Deleted)
	}
	p.clock.Advance(time.Minute)
	run := p.begin(events.Full, true, name)
	p.finish(run, name)
	require.Equal(t, int64(gone), p.decide(run).Results[0].Deleted)
	p.requireEqual(name)
}

// TestStalePageDoesNotOverwriteANewerRow: a page that was read before a change is stored after another run has
// read and stored that change.
func TestStalePageDoesNotOverwriteANewerRow(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, few(t, "campaigns", "technician_ratings", "jobs")...)
	for _, name := range []string{"campaigns", "technician_ratings", "jobs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, db, simulator.Options{}, name)
			p.complete(events.Full, name)
			ctx, stop := context.WithCancel(t.Context())
			p.source.after = func(_ entity.Entity, page entity.Page) {
				p.source.after = nil
				stop() // this page is stored, and none behind it, which might make good what it did wrong
				p.clock.Advance(time.Second)
				there := active(page)
				require.NoError(t, p.Update(name, p.number(name, there[0])))
				require.NoError(t, p.Delete(name, p.number(name, there[1])))
				run := p.begin(events.Incremental, false, name)
				p.finish(run, name)
				p.decide(run)
			}
			run := p.begin(events.Full, false, name)
			result, err := p.slice(ctx, run, name)
			require.NoError(t, err)
			require.Equal(t, int64(1), result.Pages)
			for _, d := range p.compare(name).Differences {
				require.Contains(t, d.What, "not in ServiceTitan", "a list hides what was deleted")
			}
		})
	}
}
