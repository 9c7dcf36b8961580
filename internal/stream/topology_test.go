package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestEachEventHasExactlyOneStream(t *testing.T) {
	t.Parallel()
	streams := map[string]int{}
	for _, s := range topology() {
		for _, subject := range s.config.Subjects {
			streams[subject]++
		}
	}
	for _, definition := range events.All() {
		require.Equal(t, 1, streams[definition.Subject], definition.Subject)
		in, ok := findStream(definition.Subject)
		require.True(t, ok)
		require.Equal(t, definition.Command, in.config.Name == StreamCommands, definition.Subject)
		require.True(t, strings.HasPrefix(deadLetterPrefix+definition.Subject, "deadletter.sync."))
	}
}

// While a control is not settled, no other one is delivered: a bridge that crashed must not delay them for long.
func TestAControlIsRedeliveredSoon(t *testing.T) {
	t.Parallel()
	for consumer, want := range map[string]time.Duration{ConsumerControl: 15 * time.Second, ConsumerRequests: time.Minute} {
		_, declared, err := findConsumer(consumer)
		require.NoError(t, err)
		require.Equal(t, want, declared.AckWait, consumer)
	}
	require.False(t, blocksRoles("AckWait", controlAckWait, time.Minute), "a deployment whose consumer was declared by an earlier version")
	require.False(t, blocksRoles("AckWait", time.Minute, controlAckWait), "and after a rollback")
}

func TestStreamLimits(t *testing.T) {
	t.Parallel()
	const ledger = 90 * day
	for _, s := range topology() {
		c := s.config
		require.Less(t, c.Duplicates, c.MaxAge, "%s: an id must not be forgotten before its message", c.Name)
		require.Less(t, c.MaxAge, ledger, "%s: the ledger remembers longer than any stream", c.Name)
		require.Positive(t, c.MaxBytes, "%s: a disk must not fill", c.Name)
		if c.Name != StreamProgress {
			require.Equal(t, jetstream.FileStorage, c.Storage, c.Name)
			require.GreaterOrEqual(t, c.Duplicates, day, c.Name)
		}
		for _, consumer := range s.consumers {
			require.Empty(t, consumer.config.BackOff, "%s: adds to the delay of a retry", consumer.config.Name)
			require.Equal(t, jetstream.AckExplicitPolicy, consumer.config.AckPolicy)
			for _, subject := range consumer.config.FilterSubjects {
				require.Contains(t, c.Subjects, subject, consumer.config.Name)
			}
		}
	}
	commands, _ := findStream(events.Requested.Subject)
	require.Equal(t, jetstream.DiscardNew, commands.config.Discard, "a full stream refuses and drops nothing")
	require.Greater(t, int(commands.config.MaxMsgSize), events.MaxCommandSize, "what is too large is answered")
}
