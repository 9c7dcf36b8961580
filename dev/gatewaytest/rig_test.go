package gatewaytest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

const (
	key    = "0123456789abcdef0123456789abcdef"
	header = "X-ServiceTitan-Signature"
	path   = "/webhooks/servicetitan"
)

// rig is a gateway that listens, with JetStream behind it.
type rig struct {
	server *natsserver.Server
	conn   *stream.Conn
	addr   string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigAt(t, natsserver.Options{Dir: t.TempDir(), Log: zerolog.Nop()})
}

func newRigAt(t testing.TB, o natsserver.Options) *rig {
	t.Helper()
	r := &rig{}
	var err error
	r.server, err = natsserver.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(r.server.Stop)
	r.conn, err = stream.Connect(stream.Options{URL: r.server.URL(), Name: "gateway", Logger: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(r.conn.Close)
	_, err = r.conn.Declare(t.Context())
	require.NoError(t, err)

	g, err := gateway.New(gateway.Options{
		Publisher: r.conn, Audit: fakeAudit{},
		Subscribe: func(context.Context, func(events.Message)) error { return nil },
		Tenants:   []events.TenantID{"1001"},
		Webhooks:  gateway.Webhooks{Keys: map[string][]string{"1001": {key}}},
		Logger:    zerolog.Nop(),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.addr = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
	})
	return r
}

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// fakeAudit is an audit trail that stores nothing.
type fakeAudit struct{}

func (fakeAudit) RecordAction(context.Context, ledger.AuditEntry) error { return nil }
func (fakeAudit) Actions(context.Context, ledger.AuditFilter, int) ([]ledger.AuditEntry, error) {
	return nil, nil
}
