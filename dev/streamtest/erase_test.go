package streamtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

const marked = "Ada-Erasable"

// isMarked selects the messages of a test.
func isMarked(m events.Message, _ bool) bool { return strings.Contains(string(m.Data), marked) }

// places returns stream and sequence of messages, and why they are kept.
func places(messages []stream.StoredMessage) (all []string) {
	for _, m := range messages {
		all = append(all, strings.TrimSpace(m.Stream+" "+m.Subject+" "+m.Kept))
	}
	return all
}

func TestEraseMessagesOverwritesThem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.send(t, "sync.requested", `{"mode":"full"}`)
	r.send(t, "sync.requested", `"`+marked+` in a command"`)
	r.send(t, "sync.completed", `"`+marked+` in an event"`)
	r.send(t, "sync.completed", `"another"`)
	r.send(t, "deadletter.sync.requested", `"`+marked+` in a dead letter"`)
	r.send(t, "sync.progress", `"`+marked+` in memory, for minutes"`)

	found, err := r.conn.FindMessages(ctx(t), isMarked)
	require.NoError(t, err)
	const unanswered = "the bridge has not answered it yet"
	require.Equal(t, []string{"SYNC_COMMANDS sync.requested " + unanswered, "SYNC_EVENTS sync.completed", "SYNC_DEADLETTER deadletter.sync.requested"}, places(found))
	require.True(t, found[0].IsUnanswered())
	require.True(t, found[2].IsDeadLetter())
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), found[1].Expires, time.Minute)
	require.Equal(t, events.Message{Stream: "SYNC_EVENTS", Sequence: 1, Stored: found[1].Stored}.Place(), found[1].Place())
	erased, err := r.conn.EraseMessages(ctx(t), found)
	require.NoError(t, err)
	require.Equal(t, found[1:], erased, "a command without an answer is kept")

	stop := r.consume(t, stream.ConsumerRequests, stream.BatchOptions{Max: 10}, func(ctx context.Context, batch []*stream.Message) error {
		for _, m := range batch {
			if err := m.Ack(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	require.Eventually(t, func() bool {
		found, err = r.conn.FindMessages(ctx(t), isMarked)
		return err == nil && len(found) == 1 && found[0].Kept == ""
	}, patience, tick)
	stop()
	_, err = r.conn.EraseMessages(ctx(t), found)
	require.NoError(t, err)
	erased, err = r.conn.EraseMessages(ctx(t), found)
	require.NoError(t, err)
	require.Empty(t, erased, "it is gone")
	found, err = r.conn.FindMessages(ctx(t), isMarked)
	require.NoError(t, err)
	require.Empty(t, found)
	require.EqualValues(t, 1, r.stored(t, "SYNC_COMMANDS"), "others stay")
	require.EqualValues(t, 1, r.stored(t, "SYNC_EVENTS"))
	r.server.Stop()
	require.NoError(t, filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NotContains(t, string(content), marked, path)
		return err
	}), "the bytes are overwritten")
}

// Earlier versions declared streams whose messages cannot be deleted, and the server does not change that.
func TestMessagesOfAnEarlierDeclarationAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	found, err := r.js.Stream(ctx(t), stream.StreamEvents)
	require.NoError(t, err)
	earlier := found.CachedInfo().Config
	earlier.DenyDelete = true
	_, err = r.js.UpdateStream(ctx(t), earlier)
	require.NoError(t, err)
	differences, err := r.conn.Drift(ctx(t))
	require.NoError(t, err)
	require.Empty(t, differences, "it is no difference that the doctor reports")
	changes, err := r.conn.Declare(ctx(t))
	require.NoError(t, err)
	require.Empty(t, changes)

	r.send(t, "sync.completed", `"`+marked+`"`)
	messages, err := r.conn.FindMessages(ctx(t), isMarked)
	require.NoError(t, err)
	require.Equal(t, []string{"SYNC_EVENTS sync.completed an earlier version declared the stream so that no message can be deleted"}, places(messages))
	erased, err := r.conn.EraseMessages(ctx(t), messages)
	require.NoError(t, err)
	require.Empty(t, erased)
	messages[0].Kept = ""
	_, err = r.conn.EraseMessages(ctx(t), messages)
	require.ErrorContains(t, err, "delete message 1 of SYNC_EVENTS: ")
	require.ErrorIs(t, err, jetstream.ErrMsgDeleteUnsuccessful)
}
