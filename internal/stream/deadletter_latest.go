package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// latestScan is how many sequences LatestDeadLetters looks at, so that a stream with many removed
// messages does not delay it.
const latestScan = 1000

// LatestDeadLetters returns at most limit dead letters, newest first: those before a sequence or,
// if before is 0, the latest ones. total is the number of all dead letters, next the before of the
// next page, 0 on the last page.
func (c *Conn) LatestDeadLetters(ctx context.Context, before uint64, limit int) (list []events.RejectedMessage, total, next uint64, err error) {
	stream, err := c.reader(ctx, StreamDeadLetter)
	if err != nil {
		return nil, 0, 0, err
	}
	state := stream.CachedInfo().State
	if before == 0 || before > state.LastSeq {
		before = state.LastSeq + 1
	}
	sequence := before - 1
	for scanned := 0; state.Msgs > 0 && sequence >= state.FirstSeq && sequence > 0 && len(list) < limit && scanned < latestScan; scanned++ {
		raw, err := stream.GetMsg(ctx, sequence)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			if denied := c.denied(c.readSubject(StreamDeadLetter)); denied != nil {
				err = denied
			}
			return nil, 0, 0, fmt.Errorf("read %s at %d: %w", StreamDeadLetter, sequence, err)
		default:
			list = append(list, decodeDeadLetter(raw))
		}
		sequence--
	}
	if state.Msgs > 0 && sequence >= state.FirstSeq {
		next = sequence + 1
	}
	return list, state.Msgs, next, nil
}
