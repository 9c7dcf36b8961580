package servicetitan

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

func TestTokenIsRenewedEarly(t *testing.T) {
	t.Parallel()
	clock := &clock{t: serverClock}
	var used []string
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		used = append(used, bearer(r))
		fmt.Fprint(w, emptyExport)
	})
	client := api.client(func(o *Options) { o.Now = clock.now })
	for _, pass := range []time.Duration{0, 719 * time.Second, time.Second, 720 * time.Second} {
		clock.advance(pass)
		_, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"token-1", "token-1", "token-2", "token-3"}, used, "replaced at four fifths of 900 s")
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	for expires, want := range map[string]time.Duration{
		`60`: 48 * time.Second, `"100"`: 80 * time.Second, `0`: 12 * time.Minute, `-5`: 12 * time.Minute,
		`1e300`: 12 * time.Minute, `null`: 12 * time.Minute, `"soon"`: 12 * time.Minute,
	} {
		resp := response{body: []byte(`{"access_token":"t","expires_in":` + expires + `}`)}
		token, err := resp.token(serverClock)
		require.NoError(t, err)
		require.Equal(t, serverClock.Add(want), token.renewAt, expires)
	}
}

func TestConcurrentCallsFetchOneToken(t *testing.T) {
	t.Parallel()
	const callers = 20
	var begun, done sync.WaitGroup
	api := newFakeAPI(t, respond(200, emptyExport))
	api.token = func(w http.ResponseWriter, _ *http.Request) {
		begun.Wait() // no call may find a token before all have started
		fmt.Fprint(w, `{"access_token":"t","expires_in":900}`)
	}
	client := api.client()
	begun.Add(callers)
	errs := make([]error, callers)
	for i := range callers {
		done.Go(func() {
			begun.Done()
			_, errs[i] = client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), true)
		})
	}
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 1, api.tokens())
}

// The cancellation of one caller does not cancel the shared token request, and the caller does not
// wait for it.
func TestTokenFetchSurvivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	requests, release := make(chan struct{}), make(chan struct{})
	api := newFakeAPI(t, respond(200, emptyExport))
	api.token = func(w http.ResponseWriter, _ *http.Request) {
		close(requests)
		<-release
		fmt.Fprint(w, `{"access_token":"t","expires_in":900}`)
	}
	client := api.client()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := client.Page(ctx, testTenant, customers(t), customers(t).Start(), false)
		failed <- err
	}()
	<-requests
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	close(release)

	_, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
	require.NoError(t, err)
	require.Equal(t, 1, api.tokens())
}

func TestRejectedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if bearer(r) == "token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, emptyExport)
	})
	client := api.client()
	for range 2 {
		_, err := client.Page(t.Context(), testTenant, customers(t), customers(t).Start(), false)
		require.NoError(t, err)
	}
	require.Len(t, api.requests(), 3, "one more for the refusal")
	require.Equal(t, 2, api.tokens())
}

func TestTokenRejectedTwiceIsAnError(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(401, `{"status":401,"title":"The application key is missing"}`))
	err := pageError(t, api.client())
	require.Equal(t, "AuthError", err.Type())
	require.True(t, err.Permanent())
	require.ErrorContains(t, err, "The application key is missing")
	require.Len(t, api.requests(), 2)
	require.Equal(t, 2, api.tokens())
}

func TestDropKeepsANewerToken(t *testing.T) {
	t.Parallel()
	cache := &tokenCache{now: time.Now, current: accessToken{value: "new", renewAt: time.Now().Add(time.Hour)}}
	cache.drop("old")
	require.EqualValues(t, "new", cache.fresh())
	cache.drop("new")
	require.Empty(t, cache.fresh())
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status    int
		body      string
		kind      Kind
		permanent bool
		says      string
	}{
		"wrong client":     {400, `{"error":"invalid_client"}`, AuthError, true, "invalid_client"},
		"unauthorized":     {401, ``, AuthError, true, "empty body"},
		"forbidden":        {403, `{"error":"access_denied","error_description":"app disabled"}`, AuthError, true, "access_denied; app disabled"},
		"no token server":  {404, `<html>nothing here`, APIError, true, "the response is not from a token server: \"<html>nothing here\""},
		"another API":      {404, `{"statusCode":404,"message":"Unable to match incoming request to an operation."}`, APIError, true, "the response is not from a token server"},
		"a proxy forbids":  {403, `<html>blocked`, APIError, true, "the response is not from a token server"},
		"bad request":      {400, `<html>bad`, APIError, true, "check the address"},
		"wrong method":     {405, ``, APIError, true, "the response is not from a token server"},
		"busy, in OAuth":   {400, `{"error":"temporarily_unavailable"}`, APIError, false, "is temporarily unavailable"},
		"throttled":        {429, `{"title":"Try again in 7 seconds."}`, APIError, false, "rate limit exceeded"},
		"down":             {503, `<html><h1>Maintenance</h1>`, APIError, false, "Maintenance"},
		"timeout":          {408, ``, APIError, false, "empty body"},
		"not JSON":         {200, `<html>`, APIError, false, "not JSON"},
		"cut off":          {200, `{"access_token":"half-a-tok`, APIError, false, "not JSON"},
		"without a token":  {200, `{"expires_in":900}`, APIError, false, "no access_token"},
		"token of no text": {200, `{"access_token":17}`, APIError, false, "no access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, respond(200, emptyExport))
			api.token = respond(c.status, c.body)
			err := pageError(t, api.client())
			require.Equal(t, c.kind, err.Kind)
			require.Equal(t, c.permanent, err.Permanent())
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "half-a-tok")
			require.Empty(t, api.requests(), "no call without a token")
			require.Equal(t, 1, api.tokens())
			require.ErrorContains(t, err, "POST "+api.URL+"/connect/token: ", "the address that was asked")
			require.Equal(t, err.Permanent() && !strings.Contains(c.body, `"error"`), err.Unexpected())
		})
	}
}

// TestErrorsContainNoUserInfo: errors omit user and password of the address.
func TestErrorsContainNoUserInfo(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, respond(404, `<html>`))
	api.token = respond(404, `<html>`)
	for _, token := range []http.HandlerFunc{respond(404, "<html>"), nil} {
		api.token = token
		client := api.client(func(o *Options) {
			o.APIURL = strings.Replace(api.URL, "http://", "http://user:pa55word@", 1)
			o.AuthURL = o.APIURL + "/?key=pa55word"
			if token == nil {
				o.AuthURL = api.URL
			}
		})
		err := pageError(t, client)
		require.NotContains(t, err.Error(), "pa55word")
		require.ErrorContains(t, err, api.URL)
	}
}

func TestTenantsAreSeparate(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	api := newFakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Path] = r.Header.Get("ST-App-Key") + " " + bearer(r)
		fmt.Fprint(w, emptyExport)
	})
	api.token = func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"access_token":"for-%s","expires_in":900}`, r.PostFormValue("client_id"))
	}
	client := api.client(func(o *Options) {
		o.Tenants = map[events.TenantID]Credentials{"1": {"a", "sa", "ka"}, "2": {"b", "sb", "kb"}}
	})
	e := entity.Entity{Name: "x", Export: "/{tenant}"}
	for _, id := range []events.TenantID{"1", "2"} {
		_, err := client.Page(t.Context(), id, e, e.Start(), false)
		require.NoError(t, err)
	}
	require.Equal(t, map[string]string{"/1": "ka for-a", "/2": "kb for-b"}, seen)
}
