package stream

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/internal/failpoint"
)

// Headers of an atomic batch.
const (
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// maxAtomicBatch is how many messages an atomic batch may have: the default limit of the server.
const maxAtomicBatch = 1000

// storeAtomically publishes events in atomic batches, each of which the server writes to disk once
// and not once for each message, and returns how many of the first messages are stored. It stops at
// the first batch that the server does not take as a whole: it has a message that the stream has
// already, or the stream is not migrated yet.
func (c *Conn) storeAtomically(ctx context.Context, messages []*nats.Msg) (stored int) {
	for batch := range slices.Chunk(messages, maxAtomicBatch) {
		if len(batch) == 1 || ctx.Err() != nil {
			break
		}
		began := time.Now()
		if err := c.publishAtomic(ctx, batch); err != nil {
			c.log.Debug().Err(err).Int("messages", len(batch)).Msg("atomic batch refused, publishing its messages one by one")
			break
		}
		for _, m := range batch {
			c.recordPublish(m.Subject, nil)
			c.recorder.Published(time.Since(began))
		}
		stored += len(batch)
	}
	return stored
}

// publishAtomic publishes messages of one stream as an atomic batch. After an error none of them is
// stored, or all if the acknowledgement was lost.
func (c *Conn) publishAtomic(ctx context.Context, messages []*nats.Msg) error {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	id, last := rand.Text(), len(messages)-1
	commit := withBatchHeader(messages[last], id, len(messages))
	commit.Header.Set(headerBatchCommit, "1")
	for i, m := range messages[:last] {
		if err := c.nc.PublishMsg(withBatchHeader(m, id, i+1)); err != nil {
			return err
		}
	}
	answer, err := c.nc.RequestMsgWithContext(ctx, commit)
	err = cmp.Or(err, failpoint.Error("nats/batch-published", nats.ErrTimeout))
	if err != nil {
		return err
	}
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Count int                 `json:"count"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return fmt.Errorf("decode the acknowledgement of a batch: %w", err)
	}
	if ack.Error != nil {
		return ack.Error
	}
	if ack.Count != len(messages) {
		return fmt.Errorf("acknowledgement of a batch: got %d messages, want %d", ack.Count, len(messages))
	}
	return nil
}

// withBatchHeader returns a copy of a message with its place in a batch.
func withBatchHeader(m *nats.Msg, batch string, sequence int) *nats.Msg {
	header := make(nats.Header, len(m.Header)+3)
	for name, values := range m.Header {
		header[name] = values
	}
	header.Set(headerBatchID, batch)
	header.Set(headerBatchSequence, strconv.Itoa(sequence))
	return &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data}
}
