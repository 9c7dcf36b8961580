package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Role is what the client of an API token may do.
type Role string

const (
	Operator Role = "operator" // everything
	Viewer   Role = "viewer"   // read
)

// Token is an API token with the name and the role of its client. It keeps only a digest of the
// secret.
type Token struct {
	Name   string
	Role   Role
	digest [sha256.Size]byte
}

// NewToken returns the Token of a name, a role and a secret.
func NewToken(name string, role Role, secret string) Token {
	return Token{Name: name, Role: role, digest: sha256.Sum256([]byte(secret))}
}

// requireAccess allows clients with a valid token or session of a sufficient role or, if no tokens
// are configured, those on this machine. It rejects cross-origin requests, so that other web sites
// cannot use the access of a browser.
func (g *Gateway) requireAccess(needed access, handle handler) handler {
	foreign := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := foreign.Check(r); err != nil {
			return problem(http.StatusForbidden, "cross-origin", "Cross-origin request", "cross-origin requests are not allowed")
		}
		if len(g.Tokens) == 0 {
			if !isLocalHost(r.Host) {
				return problem(http.StatusForbidden, "host", "Host not allowed",
					"without API tokens the gateway accepts only loopback host names such as localhost")
			}
			return handle(w, r)
		}
		who, known := g.client(r)
		switch {
		case !known:
			w.Header().Set("WWW-Authenticate", `Bearer realm="lazisync"`)
			return problem(http.StatusUnauthorized, "unauthorized", "Unauthorized", "want the header Authorization: Bearer with an API token")
		case needed == operators && who.Role != Operator:
			return problem(http.StatusForbidden, "role", "Role not sufficient",
				fmt.Sprintf("the API token %q has the role %s, which may only read; want a token with the role %s", who.Name, who.Role, Operator))
		}
		return handle(w, r)
	}
}

// isLocalHost reports whether the Host header names this machine. Other names may come from
// DNS rebinding.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return isLoopback(strings.Trim(host, "[]"))
}

// client returns the token of the client, from the Authorization header or the session
// cookie, or the client of a request over NATS.
func (g *Gateway) client(r *http.Request) (Token, bool) {
	if who, ok := r.Context().Value(natsClientKey{}).(Token); ok {
		return who, true
	}
	if given, ok := bearer(r); ok {
		return g.findToken(given)
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		return g.findSession(cookie.Value)
	}
	return Token{}, false
}

func bearer(r *http.Request) (string, bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", false
	}
	scheme, given, _ := strings.Cut(headers[0], " ")
	return strings.TrimSpace(given), strings.EqualFold(scheme, "Bearer")
}

// findToken returns the token with a secret. It compares all tokens, so that the duration
// reveals nothing.
func (g *Gateway) findToken(given string) (Token, bool) {
	digest := sha256.Sum256([]byte(given))
	var found Token
	known := false
	for _, t := range g.Tokens {
		if subtle.ConstantTimeCompare(t.digest[:], digest[:]) == 1 {
			found, known = t, true
		}
	}
	return found, known
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
