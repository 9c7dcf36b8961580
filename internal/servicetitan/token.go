package servicetitan

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lazi/lazisync/internal/jsonscan"
	"github.com/tidwall/gjson"
	"golang.org/x/sync/singleflight"
)

const (
	tokenPath    = "/connect/token"
	tokenTimeout = 30 * time.Second

	// tokenLifeUsed is the share of its life after which a token is renewed, so that no call
	// starts with a token about to expire.
	tokenLifeUsed = 0.8
	// defaultTokenLife is the life that ServiceTitan documents. It is the default if a
	// response does not contain one, and the maximum.
	defaultTokenLife = 15 * time.Minute
)

// accessToken is a bearer token and the time to renew it.
type accessToken struct {
	value   Secret
	renewAt time.Time
}

// tokenCache holds the token of a tenant. Concurrent callers share one token request,
// because those are rate limited too. It is safe for concurrent use.
type tokenCache struct {
	now   func() time.Time
	fetch func(context.Context) (accessToken, error)

	flight  singleflight.Group
	mu      sync.Mutex
	current accessToken
}

// get returns a token that stays valid for a while. The request for a new one is shared, so
// it outlives the context of the caller that started it.
func (c *tokenCache) get(ctx context.Context) (Secret, error) {
	if value := c.fresh(); value != "" {
		return value, nil
	}
	result := c.flight.DoChan("", func() (any, error) {
		if value := c.fresh(); value != "" { // renewed between the two looks
			return value, nil
		}
		token, err := c.fetch(context.WithoutCancel(ctx))
		if err != nil {
			return Secret(""), err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.current = token
		return token.value, nil
	})
	select {
	case r := <-result:
		return r.Val.(Secret), r.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (c *tokenCache) fresh() Secret {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Before(c.current.renewAt) {
		return c.current.value
	}
	return ""
}

// drop removes a rejected token unless it was already replaced.
func (c *tokenCache) drop(value Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.value == value {
		c.current = accessToken{}
	}
}

// fetchToken exchanges the tenant's client ID and secret for a token.
func (c *Client) fetchToken(ctx context.Context, t *tenant) (accessToken, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {t.creds.ClientID},
		"client_secret": {string(t.creds.ClientSecret)},
	}
	call := call{
		tenant: t, subject: "token", method: http.MethodPost, path: tokenPath, route: tokenPath, address: publicAddress(c.tokenURL), timeout: tokenTimeout,
		secrets: []Secret{t.creds.ClientSecret, Secret(url.QueryEscape(string(t.creds.ClientSecret))), t.creds.AppKey},
	}
	req, err := http.NewRequest(call.method, c.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return accessToken{}, call.addressError()
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sentAt := c.now()
	resp, err := c.exchange(ctx, call, req)
	if err != nil {
		return accessToken{}, err
	}
	if resp.status != http.StatusOK {
		return accessToken{}, resp.tokenStatusError()
	}
	return resp.token(sentAt)
}

// token reads the response of the token server. The life of the token counts from the
// request. No error quotes the body, because even a malformed one may contain a token.
func (a response) token(sentAt time.Time) (accessToken, error) {
	if !jsonscan.Valid(a.body) {
		return accessToken{}, a.transientError(APIError, "the response is not JSON, want an object with access_token")
	}
	value := gjson.GetBytes(a.body, "access_token")
	if value.Type != gjson.String || value.Str == "" {
		return accessToken{}, a.transientError(APIError, "the response has no access_token")
	}
	life := defaultTokenLife
	if seconds := gjson.GetBytes(a.body, "expires_in").Float(); seconds > 0 && seconds < life.Seconds() {
		life = time.Duration(seconds * float64(time.Second))
	}
	renewAt := sentAt.Add(time.Duration(float64(life) * tokenLifeUsed))
	return accessToken{value: Secret(value.Str), renewAt: renewAt}, nil
}

// transientOAuthErrors are the temporary errors of the token server.
var transientOAuthErrors = map[string]bool{"temporarily_unavailable": true, "server_error": true, "slow_down": true}

// tokenStatusError returns the error of a failed token request. Only the token server itself
// rejects credentials, with an OAuth error or a 401. Any other response with a status from
// 400 is from another server or caused by a fault.
func (a response) tokenStatusError() *Error {
	if transientStatuses[a.status] || a.status >= 500 || a.isRedirect() {
		return a.statusError()
	}
	code := ""
	if jsonscan.Valid(a.body) {
		code = gjson.GetBytes(a.body, "error").String()
	}
	switch {
	case transientOAuthErrors[code]:
		return a.transientError(APIError, "the token server is temporarily unavailable: %s", a.explanation())
	case code == "" && a.status != http.StatusUnauthorized:
		return a.unexpectedError(APIError, "the response is not from a token server: %s", a.explanation())
	}
	e := a.unexpectedError(AuthError, "the token server rejected the client ID or secret: %s", a.explanation())
	if code != "" {
		e = a.permanentError(AuthError, "the token server rejected the client ID or secret: %s", a.explanation())
	}
	return e
}
