package app

import (
	"context"
	"errors"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/internal/probe"
)

func TestTheBridgeIsNotReadyUntilItIsPrepared(t *testing.T) {
	t.Parallel()
	p := &process{log: zerolog.Nop()}
	ready := p.whilePrepared(probe.Probe{Check: func(context.Context) error { return nil }})
	ctx, stop := context.WithCancel(t.Context())
	wrong := errors.New("permission denied for function raise_run_numbers")
	b := bridge.New(bridge.Options{VerifyNamespace: func(context.Context) error { stop(); return wrong }})
	require.NoError(t, p.oncePrepared(b, func(context.Context) error { return errors.New("consumed") })(ctx))
	require.ErrorIs(t, ready.Check(t.Context()), wrong)

	b.VerifyNamespace = func(context.Context) error { return nil }
	require.NoError(t, p.oncePrepared(b, func(context.Context) error { return nil })(t.Context()))
	require.NoError(t, ready.Check(t.Context()))
}
