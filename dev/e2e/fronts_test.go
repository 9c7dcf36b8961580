package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/testcerts"
	"github.com/lazi/lazisync/internal/testing/testserver"
)

// startTemporalFront puts a TLS proxy before a Temporal server. The proxy requires a certificate
// and an API key. It returns the variables with which lazisync connects.
func startTemporalFront(t *testing.T, addr, apiKey string) (set []string) {
	t.Helper()
	certs, err := testcerts.New(t.TempDir(), "lazisync")
	require.NoError(t, err)
	ca, err := os.ReadFile(certs.CA)
	require.NoError(t, err)
	known := x509.NewCertPool()
	require.True(t, known.AppendCertsFromPEM(ca))
	own, err := tls.LoadX509KeyPair(certs.ServerCert, certs.ServerKey)
	require.NoError(t, err)

	plain := &http.Protocols{}
	plain.SetUnencryptedHTTP2(true)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: addr}) },
		Transport:     &http.Transport{Protocols: plain},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+apiKey {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "16")
			w.Header().Set("Grpc-Message", "wrong API key")
			return
		}
		proxy.ServeHTTP(w, r)
	})
	front := testserver.Serve(t, &http.Server{
		Handler:   handler,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: known, ClientAuth: tls.RequireAndVerifyClientCert},
	})
	return []string{
		"TEMPORAL_ADDRESS=" + front, "TEMPORAL_API_KEY=" + apiKey, "TEMPORAL_TLS_CA=" + certs.CA,
		"TEMPORAL_TLS_CERT=" + certs.ClientCert, "TEMPORAL_TLS_KEY=" + certs.ClientKey,
	}
}

// echoServer is a proxy that can respond with everything that it received, as an error page may do.
type echoServer struct {
	URL    string
	mu     sync.Mutex
	below  string          // prefix of the paths that it answers itself
	status int             // 0 forwards everything
	tokens map[string]bool // tokens that it received
}

func startEchoServer(t *testing.T, behind string) *echoServer {
	t.Helper()
	target, err := url.Parse(behind)
	require.NoError(t, err)
	p := &echoServer{tokens: map[string]bool{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	p.URL = testserver.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := p.note(r)
		if status == 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Was", r.Header.Get("Authorization"))
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"title":"no: %s %s","body":%q}`, r.URL, r.Header, body)
	}))
	return p
}

func (p *echoServer) note(r *http.Request) (status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		p.tokens[token] = true
	}
	if !strings.HasPrefix(r.URL.Path, p.below) {
		return 0
	}
	return p.status
}

// answer makes it respond below a path with a status and the content of the request; 0 forwards
// everything again.
func (p *echoServer) answer(below string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.below, p.status = below, status
}

func (p *echoServer) shown() (tokens []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for token := range p.tokens {
		tokens = append(tokens, token)
	}
	return tokens
}
