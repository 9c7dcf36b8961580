package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lazi/lazisync/internal/ledger"
)

// Restores detects that NATS or Temporal was restored to an earlier state or recreated: it
// lacks the message or the workflow of a request that the ledger has. All fields are required.
type Restores struct {
	Ledger     RestoreLedger
	Messages   Messages
	Executions Executions

	mu     sync.Mutex
	latest *ledger.Request // that the previous check found in the ledger
}

// RestoreLedger records restores.
type RestoreLedger interface {
	// LatestServed returns the request of the latest run, among those received within an age in
	// a message; nil if there is none.
	LatestServed(ctx context.Context, within time.Duration) (*ledger.Request, error)
	// IsReceived reports whether the ledger still has that a message brought a request. An erasure
	// removes that with the message.
	IsReceived(ctx context.Context, requestID, message string) (bool, error)
	// RecordRestore records that a server was restored. It returns false if a restore of it was
	// recorded after a time.
	RecordRestore(ctx context.Context, server, detail string, after time.Time) (recorded bool, err error)
}

// Messages looks up messages of streams.
type Messages interface {
	// HasMessage reports whether a stream has the message at a place (events.Message.Place).
	HasMessage(ctx context.Context, place string) (bool, error)
}

// Executions looks up workflow executions.
type Executions interface {
	// HasExecution reports whether a workflow has a run, open or closed.
	HasExecution(ctx context.Context, workflowID, runID string) (bool, error)
}

// restoreAge bounds the age of the requests that are looked up. It is much shorter than the
// retention of commands and of closed workflows.
const restoreAge = 24 * time.Hour

// detectRestores looks up the message and the workflow of the latest request, and those of the
// latest request of the previous check: a server may be restored, and serve new requests, between
// two checks.
func (b *Bridge) detectRestores(ctx context.Context) error {
	d := b.Restores
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	latest, err := d.Ledger.LatestServed(ctx, restoreAge)
	if err != nil {
		return fmt.Errorf("detect restores: %w", err)
	}
	err = b.detectRestore(ctx, latest)
	if d.latest != nil && (latest == nil || d.latest.ID != latest.ID) {
		err = errors.Join(err, b.detectRestore(ctx, d.latest))
	}
	if err != nil {
		return fmt.Errorf("detect restores: %w", err)
	}
	d.latest = latest
	return nil
}

// detectRestore records which servers lack a request. r may be nil.
func (b *Bridge) detectRestore(ctx context.Context, r *ledger.Request) error {
	if r == nil {
		return nil
	}
	received := r.ReceivedAt.UTC().Format(time.RFC3339)
	has, err := b.Restores.Messages.HasMessage(ctx, r.Message)
	lacks := err == nil && !has
	if lacks { // r may be of the previous check
		lacks, err = b.Restores.Ledger.IsReceived(ctx, r.ID, r.Message)
	}
	if err == nil && lacks {
		err = b.recordRestore(ctx, "nats", fmt.Sprintf(
			"NATS lacks message %s, which the bridge received at %s: it was restored to an earlier state or recreated, or the message was deleted",
			r.Message, received), r.ReceivedAt)
	}
	has, lookup := b.Restores.Executions.HasExecution(ctx, r.WorkflowID, r.FirstRunID)
	if lookup == nil && !has {
		lookup = b.recordRestore(ctx, "temporal", fmt.Sprintf(
			"Temporal lacks workflow %s with run id %s, which it started for a request received at %s: it was restored to an earlier state, or the workflow was deleted",
			r.WorkflowID, r.FirstRunID, received), r.ReceivedAt)
	}
	return errors.Join(err, lookup)
}

func (b *Bridge) recordRestore(ctx context.Context, server, detail string, after time.Time) error {
	recorded, err := b.Restores.Ledger.RecordRestore(ctx, server, detail, after)
	if recorded {
		b.Logger.Warn().Str("reason", detail).Msg("restore detected")
	}
	return err
}
