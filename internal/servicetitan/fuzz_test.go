package servicetitan

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// listings are a feed and lists of every shape and kind of key, for fuzzing.
func listings(f *testing.F) (all []entity.Entity) {
	f.Helper()
	for _, name := range []string{
		"jobs", "campaigns", "contact_preference_definitions", "wbs_segments", "capacity_warnings", "material_cost_types", "technician_ratings",
		"intacct_business_unit_mappings", "customer_memberships",
	} {
		all = append(all, find(f, name))
	}
	return all
}

// FuzzDecodePage decodes any response as a page of any listing. It never panics, the result can be
// stored, and the listing ends, fails or advances.
func FuzzDecodePage(f *testing.F) {
	all := listings(f)
	for i, seed := range []string{
		emptyExport, `{"hasMore":true,"totalCount":3,"data":[{"id":1},{"id":1,"modifiedOn":"2026-02-11T16:04:52.9137221Z"},{"id":"x"},7]}`,
		`{"hasMore":false,"data":[{"id":2,"n":"\ud800\u0000\\u0000","\udc00":[{}]}]}`, "{\"hasMore\":false,\"data\":[{\"id\":3,\"n\":\"\xff\xed\xa0\x80\"}]}",
		`[[[[`, `{"data":[{"id":1e5}],"hasMore":false`, `{"hasMore":false,"data":[{"id":1}],"data":[{"id":2}]}`, `[{"id":"a/b%"},{"id":"a/b%"}]`,
		`{"hasMore":true,"continueFrom":"t0","data":[{"technicianId":1,"jobId":2}]}`, `{"data":[{"campaignName":"a","warningType":"b/c"}]}`,
		`{"hasMore":true,"continueFrom":"t1","data":[]}`,
	} {
		f.Add([]byte(seed), uint8(i), i%2 == 0, "t0", 3)
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8, export bool, token string, steps int) {
		e := all[int(which)%len(all)]
		at := entity.Cursor{Feed: entity.List, Page: steps, LoopGuard: entity.LoopGuard{Fingerprint: token}}
		if export && e.Export != "" {
			at = entity.Cursor{Feed: entity.Export, Token: token, LoopGuard: entity.LoopGuard{Pages: max(steps, 0) % 1e6, Token: "t1"}}
		}
		received := bytes.Clone(body)
		page, err := decodePage(e, at, body, nil)
		require.Equal(t, received, body, "the body is left as it is")
		if err != nil {
			return
		}
		require.True(t, page.Last || page.Next != at, "it gets on")
		ids := map[string]bool{}
		for _, r := range page.Records {
			requireStorable(t, e, r)
			require.False(t, ids[r.ID], "one version of each record")
			ids[r.ID] = true
		}
		for _, r := range page.Rejected {
			require.NotEmpty(t, r.Reason)
			require.True(t, json.Valid(r.Raw))
			require.True(t, utf8.ValidString(r.Reason))
		}
	})
}

func requireStorable(t *testing.T, e entity.Entity, r entity.Record) {
	t.Helper()
	require.True(t, json.Valid(r.Raw))
	require.True(t, utf8.Valid(r.Raw))
	require.Empty(t, badEscapes(r.Raw))
	require.Zero(t, r.ModifiedOn.Nanosecond()%1000)
	if r.Received != nil {
		require.NotEqual(t, r.Raw, r.Received)
	}
	if e.Key == entity.Int64ID {
		require.Regexp(t, `^[1-9][0-9]{0,18}$`, r.ID)
		return
	}
	require.True(t, r.ID != "" && utf8.ValidString(r.ID) && !strings.ContainsRune(r.ID, 0), "%q", r.ID)
	if parts := len(e.Identity()); parts > 1 {
		require.Equal(t, parts-1, strings.Count(r.ID, "/"), "%q", r.ID)
	}
}

// FuzzToken decodes any response of the token server: a token is never used longer than documented,
// and no error contains the response.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"secret-token","expires_in":900}`, `{"access_token":"secret-token","expires_in":"900"}`, `{"access_token":"secret-token"}`,
		`{"access_token":"secret-token","expires_in":-1}`, `{"access_token":"secret-token","expires_in":1e300}`, `{"access_token":7}`, `{"access_token":""}`,
		`"secret-token"`, `{"access_token":"secret-token"`, ``, `<html>secret-token</html>`, `{"access_token":"secret-token","access_token":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := response{call: call{subject: "token", method: http.MethodPost, path: tokenPath}, status: http.StatusOK, body: body}.token(serverClock)
		if err != nil {
			if bytes.Contains(body, []byte("secret-token")) {
				require.NotContains(t, err.Error(), "secret-token")
			}
			return
		}
		require.NotEmpty(t, string(token.value))
		life := token.renewAt.Sub(serverClock)
		require.True(t, life > 0 || life == 0 && bytes.Contains(body, []byte("expires_in")), "%s", life)
		require.LessOrEqual(t, life, 12*time.Minute)
	})
}

// FuzzFailure makes an error of any status and body: one line of bounded length without secrets,
// and a wait within maxWait.
func FuzzFailure(f *testing.F) {
	f.Add(429, []byte(`{"title":"Rate limit is exceeded. Try again in 50 seconds."}`), "", "")
	f.Add(503, []byte("<html>\nak1.keyvalue9"), "Wed, 21 Oct 2099 07:28:00 GMT", "")
	f.Add(400, []byte(`{"errors":{"from":["no"],"x":null,"y":{"z":[1]}}}`), "-1", "")
	f.Add(302, []byte(nil), "", "https://user:ak1.keyvalue9@elsewhere.example/path?key=ak1.keyvalue9")
	f.Add(409, []byte(`{"title":"maintenance \ud800\u0000 ak1.keyvalue9"}`), "1e999", "::")
	f.Add(401, []byte(`[[[[[["ak1.keyvalue9"]]]]]]`), "NaN", "")
	f.Fuzz(func(t *testing.T, status int, body []byte, retryAfter, location string) {
		a := response{
			call:   call{subject: "customers", method: http.MethodGet, path: "/x", scope: "tn.crm.customers:r", feedToken: true, secrets: []Secret{appKey}},
			status: status, body: body, date: serverClock, header: http.Header{"Retry-After": {retryAfter}, "Location": {location}},
		}
		err := a.statusError()
		text := err.Error()
		require.Less(t, len(text), 1200)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, appKey)
		for _, r := range text {
			require.True(t, unicode.IsPrint(r), "%q", text)
		}
		require.GreaterOrEqual(t, err.RetryAfter(), time.Duration(0))
		require.LessOrEqual(t, err.RetryAfter(), maxWait)
	})
}
