package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// Token names somebody who may use the API. Only a digest of the secret is kept.
type Token struct {
	Name   string
	digest [sha256.Size]byte
}

// NewToken makes a Token of a name and its secret.
func NewToken(name, secret string) Token {
	return Token{Name: name, digest: sha256.Sum256([]byte(secret))}
}

// guarded lets members through: who shows a token, in a header or as a session, or
// everyone on this machine when there are no tokens. It keeps other web sites from
// using a browser's access.
func (g *Gateway) guarded(handle handler) handler {
	foreign := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := foreign.Check(r); err != nil {
			return problem(http.StatusForbidden, "cross-origin", "Cross-origin request", "another web site may not do this")
		}
		if len(g.Tokens) == 0 {
			if !localHost(r.Host) {
				return problem(http.StatusForbidden, "host", "Wrong host",
					"without API_TOKENS the gateway answers only to a loopback name such as localhost")
			}
			return handle(w, r)
		}
		if _, known := g.member(r); !known {
			w.Header().Set("WWW-Authenticate", `Bearer realm="lazisync"`)
			return problem(http.StatusUnauthorized, "unauthorized", "Not authorized", "want Authorization: Bearer with one of API_TOKENS")
		}
		return handle(w, r)
	}
}

// localHost refuses a name that somebody else's DNS points at this machine.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return loopback(strings.Trim(host, "[]"))
}

// member says who is asking.
func (g *Gateway) member(r *http.Request) (Token, bool) {
	if given, ok := bearer(r); ok {
		return g.tokenOf(given)
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		return g.sessionOf(cookie.Value)
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

// tokenOf compares with every token, so that the time says nothing.
func (g *Gateway) tokenOf(given string) (Token, bool) {
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
