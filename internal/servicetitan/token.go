package servicetitan

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/singleflight"
)

const (
	tokenPath    = "/connect/token"
	tokenTimeout = 30 * time.Second

	// A token is renewed when this share of its life has passed, so that a call
	// never starts with one about to run out.
	tokenLifeUsed = 0.8
	// defaultTokenLife is what ServiceTitan documents; used where an answer does
	// not say, and never exceeded.
	defaultTokenLife = 15 * time.Minute
)

// accessToken is a bearer token and when to replace it.
type accessToken struct {
	value   Secret
	renewAt time.Time
}

// tokenCache holds a tenant's token. However many calls need a new one, it is
// fetched once: token requests are throttled too.
type tokenCache struct {
	now   func() time.Time
	fetch func(context.Context) (accessToken, error)

	flight  singleflight.Group
	mu      sync.Mutex
	current accessToken
}

// get returns a token that is good for a while. The fetch is shared, so it
// outlives the caller that began it.
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

// drop forgets a token that was refused, unless it has been replaced already.
func (c *tokenCache) drop(value Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.value == value {
		c.current = accessToken{}
	}
}

// fetchToken exchanges the tenant's client id and secret for a token.
func (c *Client) fetchToken(ctx context.Context, t *tenant) (accessToken, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {t.creds.ClientID},
		"client_secret": {string(t.creds.ClientSecret)},
	}
	call := call{
		subject: "token", method: http.MethodPost, path: tokenPath, address: publicAddress(c.tokenURL), timeout: tokenTimeout,
		secrets: []Secret{t.creds.ClientSecret, Secret(url.QueryEscape(string(t.creds.ClientSecret))), t.creds.AppKey},
	}
	req, err := http.NewRequest(call.method, c.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return accessToken{}, call.badAddress()
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	asked := c.now()
	ans, err := c.exchange(ctx, call, req)
	if err != nil {
		return accessToken{}, err
	}
	if ans.status != http.StatusOK {
		return accessToken{}, ans.tokenFailure()
	}
	return ans.token(asked)
}

// token reads the answer of the token server. Its life counts from the moment
// it was asked for. Nothing of it is quoted in an error: even a broken answer
// may hold a token.
func (a answer) token(asked time.Time) (accessToken, error) {
	if !gjson.ValidBytes(a.body) {
		return accessToken{}, a.fail(APIError, "the answer is not JSON, want an object with access_token")
	}
	value := gjson.GetBytes(a.body, "access_token")
	if value.Type != gjson.String || value.Str == "" {
		return accessToken{}, a.fail(APIError, "the answer holds no access_token")
	}
	life := defaultTokenLife
	if seconds := gjson.GetBytes(a.body, "expires_in").Float(); seconds > 0 && seconds < life.Seconds() {
		life = time.Duration(seconds * float64(time.Second))
	}
	renewAt := asked.Add(time.Duration(float64(life) * tokenLifeUsed))
	return accessToken{value: Secret(value.Str), renewAt: renewAt}, nil
}

// passingOAuthErrors are those that the token server may answer with for a while.
var passingOAuthErrors = map[string]bool{"temporarily_unavailable": true, "server_error": true, "slow_down": true}

// tokenFailure says what a refused token request means. Only the token server itself
// refuses credentials, in the form of OAuth or with a 401; whatever else answers with a
// status of 400 and more is not the token server, or not itself.
func (a answer) tokenFailure() *Error {
	if transientStatuses[a.status] || a.status >= 500 || a.redirects() {
		return a.failure()
	}
	code := ""
	if validJSON(a.body) {
		code = gjson.GetBytes(a.body, "error").String()
	}
	switch {
	case passingOAuthErrors[code]:
		return a.fail(APIError, "the token server gives no token for now: %s", a.said())
	case code == "" && a.status != http.StatusUnauthorized:
		return a.unexpected(APIError, "no token server answers here: %s", a.said())
	}
	e := a.unexpected(AuthError, "the token server refuses the client id or secret: %s", a.said())
	if code != "" {
		e = a.refuse(AuthError, "the token server refuses the client id or secret: %s", a.said())
	}
	return e
}
