package streamtest

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/testing/contract"
)

// JetStream writes each message to disk.
func init() { _ = flag.Set("rapid.checks", "50") }

// The stream in memory, with which the bridge, the activities and the workflows are tested, does what
// JetStream does.
func TestPublisherContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	contract.Publisher(t, &storedStream{Conn: r.conn, t: t, r: r, read: map[string][]events.Event{}})
}

// storedStream reads what the streams of a rig store.
type storedStream struct {
	*stream.Conn
	t    *testing.T
	r    *rig
	read map[string][]events.Event // by stream; its sequences begin at 1
}

func (s *storedStream) Events() (all []events.Event) {
	for _, name := range []string{stream.StreamEvents, stream.StreamCommands} {
		for last := s.r.stored(s.t, name); uint64(len(s.read[name])) < last; {
			m := s.r.message(s.t, name, uint64(len(s.read[name])+1))
			event, err := events.Decode(events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data})
			require.NoError(s.t, err)
			s.read[name] = append(s.read[name], event)
		}
		all = append(all, s.read[name]...)
	}
	return all
}

func (s *storedStream) DeadLetters() (all []events.RejectedMessage) {
	require.NoError(s.t, s.Conn.DeadLetters(s.t.Context(), func(m events.RejectedMessage) error {
		all = append(all, m)
		return nil
	}))
	return all
}
