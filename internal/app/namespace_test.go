package app

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// TestATemporalThatHangsIsNotWaitedFor: a batch of commands has no deadline of its own.
func TestATemporalThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c, err := openTemporal(TemporalConfig{Address: l.Addr().String(), Namespace: "default"}, zerolog.Nop(), nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n := &namespace{client: c, name: "default"}
	require.ErrorContains(t, n.ours(ctx), `look up Temporal namespace "default"`)
	require.NoError(t, ctx.Err(), "it gave up by itself")
}
