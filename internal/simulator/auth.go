package simulator

import (
	"crypto/rand"
	"crypto/subtle"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// accessTokens has the issued tokens and their expiry.
type accessTokens struct {
	lifetime time.Duration
	mu       sync.Mutex
	expiry   map[string]time.Time
}

func (t *accessTokens) issue(now time.Time) string {
	token := rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	for old, end := range t.expiry {
		if !now.Before(end) {
			delete(t.expiry, old)
		}
	}
	t.expiry[token] = now.Add(t.lifetime)
	return token
}

func (t *accessTokens) valid(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	end, known := t.expiry[token]
	return known && now.Before(end)
}

// revoke invalidates all tokens.
func (t *accessTokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.expiry)
}

// serveToken handles POST /connect/token.
func (s *Simulator) serveToken(w http.ResponseWriter, r *http.Request) {
	fault := s.faults.take("", onToken)
	if !s.wait(r.Context(), fault) {
		return
	}
	a, isFaulty := s.faultResponse(fault)
	if !isFaulty {
		a = s.token(r)
	}
	s.stats.note(call{At: s.now(), On: onToken, Path: r.URL.Path, Status: a.status})
	if fault.Kind == faultReset {
		reset(w)
		return
	}
	a.cut = fault.Kind == faultTruncate
	s.send(w, a)
}

func (s *Simulator) token(r *http.Request) response {
	refuse := func(code string) response {
		return jsonResponse(http.StatusBadRequest, map[string]string{"error": code})
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return refuse("invalid_request")
	}
	if err := r.ParseForm(); err != nil {
		return refuse("invalid_request")
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	switch {
	case r.PostForm.Get("grant_type") != "client_credentials":
		return refuse("unsupported_grant_type")
	case !secretsEqual(id, s.options.ClientID) || !secretsEqual(secret, s.options.ClientSecret):
		return refuse("invalid_client")
	}
	return jsonResponse(http.StatusOK, map[string]any{
		"access_token": s.tokens.issue(s.now()),
		"expires_in":   int(s.options.TokenLifetime.Seconds()),
		"token_type":   "Bearer",
		"scope":        s.grantedScopes(),
	})
}

func (s *Simulator) grantedScopes() string {
	var scopes []string
	for _, k := range s.world.kinds {
		if !slices.Contains(s.options.WithoutScopes, k.scope) && !slices.Contains(scopes, k.scope) {
			scopes = append(scopes, k.scope)
		}
	}
	return strings.Join(scopes, " ")
}

// authorize checks application key, access token, tenant and scope of a request.
func (s *Simulator) authorize(r *http.Request, to route, tenant string) (refused response, ok bool) {
	if !secretsEqual(r.Header.Get("ST-App-Key"), s.options.AppKey) {
		return s.problem(http.StatusUnauthorized, "Application key is not present or not known. Please check the ST-App-Key header.", nil), false
	}
	// The bare token without "Bearer" works too.
	if !s.tokens.valid(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), s.now()) {
		return s.problem(http.StatusUnauthorized, "Unauthorized", nil), false
	}
	if tenant != strconv.FormatInt(s.options.Tenant, 10) || slices.Contains(s.options.WithoutScopes, to.scope()) {
		return s.problem(http.StatusForbidden, "Scope validation failed", nil), false
	}
	return response{}, true
}

func secretsEqual(got, want string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}
