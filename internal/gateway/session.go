package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	sessionCookie = "lazisync_session"
	sessionLength = 12 * time.Hour
)

// openSession sets a session cookie for a client with a token, so that the page does not
// keep the token.
func (g *Gateway) openSession(w http.ResponseWriter, r *http.Request) error {
	given, _ := bearer(r)
	token, known := g.findToken(given)
	if known {
		http.SetCookie(w, cookie(r, sign(token, g.Now().Add(sessionLength)), int(sessionLength.Seconds())))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *Gateway) closeSession(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// showSession returns the name and the role of the client. Without tokens, clients have no name.
func (g *Gateway) showSession(w http.ResponseWriter, r *http.Request) error {
	who, known := g.client(r)
	if !known {
		return writeJSON(w, http.StatusOK, map[string]any{"name": nil, "role": Operator})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"name": who.Name, "role": who.Role})
}

// cookie returns the session cookie. It has no Path: the browser uses the folder of the
// request, which is correct below a path prefix that only the proxy knows.
func cookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
}

// sign returns a stateless session: it contains the name of the token and its expiry, signed
// with the digest of the token. Removing the token ends its sessions. They have the role that the
// token has now.
func sign(t Token, end time.Time) string {
	name := base64.RawURLEncoding.EncodeToString([]byte(t.Name))
	claim := fmt.Sprintf("%s.%d", name, end.Unix())
	mac := hmac.New(sha256.New, t.digest[:])
	mac.Write([]byte("session " + claim))
	return claim + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (g *Gateway) findSession(value string) (Token, bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return Token{}, false
	}
	unix, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return Token{}, false
	}
	end := time.Unix(unix, 0)
	for _, t := range g.Tokens {
		if hmac.Equal([]byte(sign(t, end)), []byte(value)) {
			return t, g.Now().Before(end)
		}
	}
	return Token{}, false
}
