//go:build fault

package fault

import (
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// proxy is between lazisync and a server, and corrupts the data.
type proxy struct{ *toxiproxy.Proxy }

// startProxy puts a proxy before an address.
func startProxy(t *testing.T, addr string) *proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{toxiproxy.NewProxy(server, addr, "127.0.0.1:0", addr)}
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	return p
}

// spoil adds a toxic: its kind, which way it works (upstream is from lazisync to the
// server), and its attributes as JSON.
func (p *proxy) addToxic(t *testing.T, kind, way, attributes string) {
	t.Helper()
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":%s}`, kind+way, kind, way, attributes)))
	require.NoError(t, err)
}

// removeToxics removes all toxics and closes the affected connections.
func (p *proxy) removeToxics(t *testing.T) {
	t.Helper()
	p.Toxics.ResetToxics(t.Context())
	p.cut(t)
}

// cut ends all connections. New ones can be made.
func (p *proxy) cut(t *testing.T) {
	t.Helper()
	p.Stop()
	require.NoError(t, p.Start())
}
