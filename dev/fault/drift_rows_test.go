package fault

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/commands"
)

// Streams and consumers are changed while everything runs. If a change keeps messages from a role,
// the role is not ready, doctor names the change, migrate reverts it without a restart, and all
// requests of that time are answered.
func TestFault52StreamsAndConsumersChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	bridge := r.start(t, "bridge")
	r.startAll(t, "worker")
	notifier := r.start(t, "notifier")
	r.firstSync(t)
	for _, c := range []struct {
		role *role
		edit func(*testing.T)
		want string // of doctor
	}{
		{bridge, func(t *testing.T) {
			_, err := r.js.PauseConsumer(t.Context(), "SYNC_COMMANDS", "bridge-requests", time.Now().Add(time.Hour))
			require.NoError(t, err)
		}, "pause_until is "},
		{bridge, r.editConsumer("SYNC_COMMANDS", "bridge-requests", func(c *jetstream.ConsumerConfig) {
			c.PriorityPolicy, c.PriorityGroups, c.PinnedTTL = jetstream.PriorityPolicyPinned, []string{"a"}, time.Hour
		}), "priority_groups is "},
		{bridge, r.editConsumer("SYNC_COMMANDS", "bridge-requests", func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true }), "headers_only is true"},
		{bridge, r.editConsumer("SYNC_COMMANDS", "bridge-control", func(c *jetstream.ConsumerConfig) { c.FilterSubject, c.FilterSubjects = "sync.nothing", nil }), "filter_subjects is sync.nothing"},
		{bridge, func(t *testing.T) { // a push consumer without a subscriber
			require.NoError(t, r.js.DeleteConsumer(t.Context(), "SYNC_COMMANDS", "bridge-requests"))
			_, err := r.js.CreatePushConsumer(t.Context(), "SYNC_COMMANDS", jetstream.ConsumerConfig{
				Durable: "bridge-requests", DeliverSubject: "pushed.requests", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "sync.requested",
			})
			require.NoError(t, err)
		}, "deliver_subject is pushed.requests"},
		{notifier, r.editConsumer("SYNC_EVENTS", "notifier", func(c *jetstream.ConsumerConfig) { c.FilterSubject, c.FilterSubjects = "sync.paused", nil }), "filter_subjects is sync.paused"},
		{bridge, func(t *testing.T) {
			found, err := r.js.Stream(t.Context(), "SYNC_COMMANDS")
			require.NoError(t, err)
			config := found.CachedInfo().Config
			config.MaxMsgSize, config.Sources = 400, []*jetstream.StreamSource{{Name: "SYNC_EVENTS", FilterSubject: "sync.paused"}}
			_, err = r.js.UpdateStream(t.Context(), config)
			require.NoError(t, err)
		}, "sources is "},
	} {
		c.edit(t)
		c.role.awaitNotReady(t)
		require.Contains(t, r.doctor(t), c.want)
		r.incremental(t)
		r.migrate(t)
		c.role.awaitReady(t)
	}
	r.full(t)
	r.checkOracle(t, time.Now())
}

// editConsumer changes a consumer as an operator does with the nats command line.
func (r *rig) editConsumer(stream, name string, edit func(*jetstream.ConsumerConfig)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		found, err := r.js.Consumer(t.Context(), stream, name)
		require.NoError(t, err)
		config := found.CachedInfo().Config
		edit(&config)
		_, err = r.js.UpdateConsumer(t.Context(), stream, config)
		require.NoError(t, err)
	}
}

// doctorSays reports whether lazisync doctor prints a text.
func (r *rig) doctorSays(t *testing.T, text string) bool {
	t.Helper()
	cfg, err := app.Load(r.stack.Environ(), app.ServeRole)
	require.NoError(t, err)
	var out bytes.Buffer
	_ = commands.Doctor(t.Context(), cfg, app.ServeRole.Role, false, &out) // its findings are printed
	return strings.Contains(out.String(), text)
}

// doctor returns the failed checks of lazisync doctor.
func (r *rig) doctor(t *testing.T) string {
	t.Helper()
	cfg, err := app.Load(r.stack.Environ(), app.ServeRole)
	require.NoError(t, err)
	var out bytes.Buffer
	require.Error(t, commands.Doctor(t.Context(), cfg, app.ServeRole.Role, false, &out), "%s", &out)
	return out.String()
}
