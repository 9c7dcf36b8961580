package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tenants are several companies at one address, as in ServiceTitan. The client ID determines
// the tenant of a token, and the path the tenant of a request. A token is valid for its own
// tenant only. Admin routes are those of the first tenant; /_tenants/{tenant}/_admin/… are
// those of any.
type Tenants []*Simulator

// Handler serves the token endpoint, the API and the admin routes.
func (all Tenants) Handler() http.Handler {
	mux := http.NewServeMux()
	handlers := make(map[string]http.Handler, len(all))
	for _, s := range all {
		id := strconv.FormatInt(s.options.Tenant, 10)
		handlers[id] = s.Handler()
		mux.Handle("/_tenants/"+id+"/_admin/", http.StripPrefix("/_tenants/"+id, handlers[id]))
	}
	mux.HandleFunc("POST /connect/token", func(w http.ResponseWriter, r *http.Request) { all.caller(r).serveToken(w, r) })
	first := handlers[strconv.FormatInt(all[0].options.Tenant, 10)]
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/") // "", module, version, "tenant", number, …
		if len(parts) > 4 && handlers[parts[4]] != nil {
			handlers[parts[4]].ServeHTTP(w, r)
			return
		}
		first.ServeHTTP(w, r)
	})
	return mux
}

// caller returns the tenant of a token request, the first one if the client ID is unknown.
func (all Tenants) caller(r *http.Request) *Simulator {
	id, _, basic := r.BasicAuth()
	if !basic {
		id = r.PostFormValue("client_id")
	}
	for _, s := range all {
		if secretsEqual(id, s.options.ClientID) {
			return s
		}
	}
	return all[0]
}

// Serve serves a listener until ctx ends.
func (all Tenants) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: all.Handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve ServiceTitan simulator on %s: %w", listener.Addr(), err)
	}
	return nil
}
