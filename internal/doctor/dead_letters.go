package doctor

import (
	"context"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

// checkDeadLetters warns of dead letters that are neither dismissed nor replayed, which the database
// knows.
func (d *Doctor) checkDeadLetters(ctx context.Context, f *findings, from stream.StreamState) {
	if !d.Role.Database || d.Config.DatabaseURL == "" {
		return
	}
	s, err := d.OpenStore(ctx)
	if err != nil {
		return // checkDatabase reports it
	}
	defer s.Close()
	handled, err := s.CountHandled(ctx, ledger.DeadLetterKey{Sequence: from.FirstSequence, RejectedAt: from.FirstStored})
	if err != nil {
		return // likewise
	}
	f.deadLetters(from.Messages, handled)
}

// deadLetters adds how many dead letters of a stream are open.
func (f *findings) deadLetters(messages, handled uint64) {
	if handled >= messages {
		f.ok("dead letters", "none is open, %d dismissed or replayed", messages)
		return
	}
	f.warn("list them with lazisync deadletter ls --open, then replay or dismiss them", "dead letters",
		"%d open, %d dismissed or replayed", messages-handled, handled)
}
