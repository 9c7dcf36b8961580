package e2e

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// editCommands changes the command stream as an operator could: the full stream drops its oldest
// messages.
func (w *fixture) editCommands(t *testing.T) jetstream.Stream {
	t.Helper()
	commands, err := w.js.Stream(t.Context(), "SYNC_COMMANDS")
	require.NoError(t, err)
	config := commands.CachedInfo().Config
	config.Discard = jetstream.DiscardOld
	_, err = w.js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	return commands
}

// A role logs the drift of a stream, and does not revert the change.
func TestRoleLogsDrift(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	commands := w.editCommands(t)
	p := w.start(t, "notifier")
	logged := func() (all []string) {
		for _, line := range p.log.Lines() {
			if strings.Contains(line, "differs from its declaration") {
				all = append(all, line)
			}
		}
		return all
	}
	require.Eventually(t, func() bool { return len(logged()) > 0 }, waitLimit, tick)
	require.Len(t, logged(), 1)
	require.Contains(t, logged()[0], `"object":"stream SYNC_COMMANDS","field":"discard","got":"DiscardOld","want":"DiscardNew"`)
	info, err := commands.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, jetstream.DiscardOld, info.Config.Discard, "only migrate applies what is declared")
}
