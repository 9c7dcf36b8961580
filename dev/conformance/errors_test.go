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

// TestTransientErrorsAreRetried: the slice ends with an error that names the response, Temporal
// retries, and no record is missing.
func TestTransientErrorsAreRetried(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "customers")...)
	for name, test := range map[string]struct {
		fault simulator.Fault
		text  string
		wait  time.Duration
	}{
		"an HTML page":                     {simulator.Fault{Kind: "html"}, `the response is not JSON; the body begins with "<!DOCTYPE html>`, 0},
		"a web page that text so":          {simulator.Fault{Kind: "503html"}, "status 503", 0},
		"a truncated body":                 {simulator.Fault{Kind: "truncate"}, "no complete response", 0},
		"too many calls":                   {simulator.Fault{Kind: "429", WaitSeconds: 50}, "rate limit exceeded", 50 * time.Second},
		"too many calls, with Retry-After": {simulator.Fault{Kind: "429", WaitSeconds: 7, RetryAfter: true}, "rate limit exceeded", 7 * time.Second},
		"an internal server error":         {simulator.Fault{Kind: "500"}, "status 500", 0},
		"a bad gateway":                    {simulator.Fault{Kind: "502"}, "status 502", 0},
		"service unavailable":              {simulator.Fault{Kind: "503"}, "status 503", 0},
		"a gateway timeout":                {simulator.Fault{Kind: "504"}, "status 504", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, db, simulator.Options{})
			test.fault.Entity, test.fault.On, test.fault.Skip = "customers", "export", 1
			p.addFault(test.fault)
			run := p.begin(events.Full, false, "customers")
			_, err := p.slice(t.Context(), run, "customers")
			require.ErrorContains(t, err, test.text)
			var failure *temporal.ApplicationError
			require.True(t, errors.As(err, &failure))
			require.False(t, failure.NonRetryable())
			require.Equal(t, test.wait, failure.NextRetryDelay())

			p.finish(run, "customers")
			result := p.finalize(run).Results[0]
			require.Equal(t, int64(records), result.Inserted)
			require.Equal(t, int64(3), result.Pages, "the page before the error is not read again")
			p.requireEqual("customers")
		})
	}
}

// TestPermanentErrorsFailOneEntity: one entity fails with the reason, and the others complete.
func TestPermanentErrorsFailOneEntity(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "customers", "campaigns")...)
	for name, test := range map[string]struct {
		options simulator.Options
		fault   string
		want    events.ErrorType
		text    string
	}{
		"a scope that was not granted": {simulator.Options{WithoutScopes: []string{"tn.mrk.campaigns:r"}}, "", events.PermissionError, "scope tn.mrk.campaigns:r"},
		"a removed path":               {simulator.Options{}, "404", events.NotFound, "/marketing/v2/tenant/"},
		"rejected tokens":              {simulator.Options{}, "401", events.AuthError, "rejected the app key or a new token"},
		"a rejected parameter":         {simulator.Options{}, "400", events.APIError, "status 400"},
		"a conflict":                   {simulator.Options{}, "409", events.APIError, "status 409"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, db, test.options, "campaigns")
			if test.fault != "" {
				p.addFault(simulator.Fault{Kind: test.fault, Entity: "campaigns", Count: -1})
			}
			run := p.begin(events.Full, false, "customers", "campaigns")
			p.finish(run, "campaigns")
			p.finish(run, "customers")
			run = p.finalize(run)
			require.Equal(t, ledger.Failed, run.State)
			require.Equal(t, events.StatusCompleted, run.Results[0].Status)
			require.Equal(t, events.StatusFailed, run.Results[1].Status)
			require.Equal(t, test.want, run.Results[1].Error.Type)
			require.Contains(t, run.Results[1].Error.Message, test.text)
			p.requireEqual("customers")
		})
	}
}

// TestRejectedTokenIsReplaced: a 401 in the middle costs one new token.
func TestRejectedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, "customers")...), simulator.Options{})
	p.addFault(simulator.Fault{Kind: "expiredTokens", Entity: "customers", On: "export", Skip: 1})
	p.requireSync(events.Full, "customers")
	require.Equal(t, 2, p.Stats().TokenCalls)
	p.requireEqual("customers")
}

// TestRejectedRecordsAreNotDeleted: rejected records are kept separately, and are not marked
// deleted.
func TestRejectedRecordsAreNotDeleted(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, "call_reasons")...), simulator.Options{}, "call_reasons") // which cannot be looked up
	const name, count = "call_reasons", `select count(*) from raw.rejected_records where tenant_id = $1`
	p.requireSync(events.Full, name)
	lost, err := p.RandomID(name)
	require.NoError(t, err)
	require.NoError(t, p.Delete(name, lost))

	p.addFault(simulator.Fault{Kind: "badRecord", Entity: name, On: "list", Count: -1})
	for i := range 3 {
		bad := p.requireSync(events.Full, name)
		require.Equal(t, int64(12), bad.Rejected, "four on each page")
		require.Zero(t, bad.Deleted, "one of those without an id may be the missing one")
		require.Equal(t, int64(12*(i+1)), value[int64](p, count, p.tenant))
	}
	require.Equal(t, []string{strconv.FormatInt(lost, 10)}, p.differentKeys(name))

	p.ClearFaults()
	p.requireSync(events.Full, name)
	require.Equal(t, int64(1), p.requireSync(events.Full, name).Deleted)
	p.requireEqual(name)
}

// TestRejectedRecordKeepsItsEarlierVersion: the earlier version stays as long as its record cannot
// be decoded.
func TestRejectedRecordKeepsItsEarlierVersion(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, "campaigns")...), simulator.Options{}, "campaigns")
	const name = "campaigns"
	id, err := p.RandomID(name)
	require.NoError(t, err)
	require.NoError(t, p.Update(name, id)) // so that its modifiedOn is unique
	p.requireSync(events.Full, name)
	var modified string
	for _, r := range p.simulatorRecords(name) {
		if r.number == id {
			modified = r.json.Get("modifiedOn").Raw
		}
	}
	p.answer = rewrite(modified, `"yesterday"`)
	for range 3 {
		bad := p.requireSync(events.Full, name)
		require.Equal(t, int64(1), bad.Rejected)
		require.Zero(t, bad.Deleted)
	}
	p.requireEqual(name)
}

// TestInvalidTextIsReplaced: the record is stored, with U+FFFD for each invalid character.
func TestInvalidTextIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, "campaigns")...), simulator.Options{}, "campaigns")
	p.answer = rewrite(`"name":"`, `"name":"\u0000 \ud83d `)
	result := p.requireSync(events.Full, "campaigns")
	require.Zero(t, result.Rejected)
	require.Equal(t, int64(records), value[int64](p, `
		select count(*) from raw.st_campaigns where tenant_id = $1 and name like E'\uFFFD \uFFFD %' and full_data ->> 'name' = name`, p.tenant))
}

// rewrite replaces a part of every response of the API.
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

// TestDeleteGuard: if half of the records are missing, nothing is marked deleted until somebody
// allows it.
func TestDeleteGuard(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, newDatabase(t, entitiesNamed(t, "call_reasons")...), simulator.Options{}, "call_reasons")
	const name, restorable = "call_reasons", records / 2 // which cannot be looked up
	p.requireSync(events.Full, name)
	for range restorable {
		id, err := p.RandomID(name)
		require.NoError(t, err)
		require.NoError(t, p.Delete(name, id))
	}
	p.requireSync(events.Full, name)
	for range 2 {
		refused := p.sync(events.Full, name)
		require.Equal(t, events.DeleteGuard, refused.Error.Type)
		require.Zero(t, refused.Deleted)
	}
	p.clock.Advance(time.Minute)
	run := p.begin(events.Full, true, name)
	p.finish(run, name)
	require.Equal(t, int64(restorable), p.finalize(run).Results[0].Deleted)
	p.requireEqual(name)
}

// TestStalePageDoesNotOverwriteANewerRow: a page that was read before a change is stored after
// another run has stored that change.
func TestStalePageDoesNotOverwriteANewerRow(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, entitiesNamed(t, "campaigns", "technician_ratings", "jobs")...)
	for _, name := range []string{"campaigns", "technician_ratings", "jobs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, db, simulator.Options{}, name)
			p.requireSync(events.Full, name)
			ctx, stop := context.WithCancel(t.Context())
			p.source.after = func(_ entity.Entity, page entity.Page) {
				p.source.after = nil
				stop() // no later page is stored, which could repair a mistake
				p.clock.Advance(time.Second)
				ids := active(page)
				require.NoError(t, p.Update(name, p.number(name, ids[0])))
				require.NoError(t, p.Delete(name, p.number(name, ids[1])))
				run := p.begin(events.Incremental, false, name)
				p.finish(run, name)
				p.finalize(run)
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
