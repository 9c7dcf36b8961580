package temporal

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The lookup needs a timeout of its own: a batch of commands has no deadline.
func TestVerifyTimesOutWhenTemporalHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c, err := Open(Options{Address: l.Addr().String(), Namespace: "default"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	v := NewNamespaceVerifier(c, nil, "")
	require.ErrorContains(t, v.Verify(ctx), `look up Temporal namespace "default"`)
	require.NoError(t, ctx.Err(), "Verify must end before the deadline of its context")
}
