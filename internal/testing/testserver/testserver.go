// Package testserver serves HTTP on a loopback port for the time of a test.
//
// Tests use it in place of [httptest.Server], whose Close also closes the idle connections of
// http.DefaultTransport. In a process with parallel tests that breaks a request of another test:
// net/http counts a connection as idle a moment before it returns the response, and the request
// fails with "CloseIdleConnections called".
//
// Test files import this package, and packages for tests. It imports nothing of this module.
package testserver

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Start serves a handler until the test ends, and returns the URL of the server.
func Start(t testing.TB, handler http.Handler) (url string) {
	t.Helper()
	return "http://" + Serve(t, &http.Server{Handler: handler})
}

// Serve lets a server serve until the test ends, with TLS if it has a TLSConfig, and returns its
// address. At the end of the test it closes all connections, and returns when the handlers have.
func Serve(t testing.TB, server *http.Server) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	var running sync.RWMutex // each handler holds it for reading; at the end no handler gets it any more
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.RLock()
		defer running.RUnlock()
		handler.ServeHTTP(w, r)
	})
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		ended <- server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
		running.Lock()
	})
	return listener.Addr().String()
}
