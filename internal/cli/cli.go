package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

// ExitError ends a command with an exit code.
type ExitError struct {
	Code    int
	Message string // "" if the command has already printed everything
}

// Error returns the message.
func (e *ExitError) Error() string { return e.Message }

// UsageError returns an error with the text of err that exits with ExitUsage. An ExitError
// is returned unchanged.
func UsageError(err error) error {
	if _, isExit := errors.AsType[*ExitError](err); isExit {
		return err
	}
	return &ExitError{Code: ExitUsage, Message: err.Error()}
}

// Backends opens the connections that a command needs. The command closes them.
type Backends interface {
	// Stream connects to a NATS server whose streams are declared.
	Stream(ctx context.Context) (Stream, error)
	// Store returns ErrNoDatabase if no database is configured.
	Store(ctx context.Context) (Store, error)
	Schedules(ctx context.Context) (Schedules, error)
}

// Stream is the part of JetStream that commands use.
type Stream interface {
	PublishCommand(ctx context.Context, e events.Event) error
	Subscribe(ctx context.Context, subjects []string, from stream.StartPosition, deliver func(events.Message)) error
	DeadLetters(ctx context.Context, fn func(events.RejectedMessage) error) error
	DeadLetterAt(ctx context.Context, sequence uint64) (events.RejectedMessage, error)
	Replay(ctx context.Context, sequence uint64) (stream string, newSequence uint64, err error)
	Close()
}

// Store is the part of the ledger that commands use.
type Store interface {
	Runs(ctx context.Context, limit int) ([]ledger.Run, error)
	TenantRuns(ctx context.Context, tenantID events.TenantID, limit int) ([]ledger.Run, error)
	FindRuns(ctx context.Context, f ledger.RunFilter, limit int) ([]ledger.Run, error)
	RunHeader(ctx context.Context, number int64) (ledger.Run, error)
	States(ctx context.Context, tenantID events.TenantID) ([]ledger.EntityState, error)
	Waiting(ctx context.Context, tenantID events.TenantID) ([]ledger.Waiting, error)
	Freshness(ctx context.Context) ([]ledger.Freshness, error)
	OpenOutages(ctx context.Context) ([]ledger.Outage, error)
	// NewFields lists the fields that ServiceTitan has added, of one tenant and entity, or of all with "".
	NewFields(ctx context.Context, tenantID events.TenantID, entity string) ([]ledger.NewField, error)
	// FindRequests finds the request with an ID, else at most two with an event id.
	FindRequests(ctx context.Context, ref string) ([]ledger.Request, error)
	Workflow(ctx context.Context, workflowID string) (ledger.WorkflowState, error)
	// Receipts and Controls read commands by ID. Unknown ones are absent.
	Receipts(ctx context.Context, ids []string) (map[string]ledger.Receipt, error)
	Controls(ctx context.Context, ids []string) (map[string]ledger.Control, error)
	Handlings(ctx context.Context, of []ledger.DeadLetterKey) (map[ledger.DeadLetterKey]ledger.Handling, error)
	DismissDeadLetters(ctx context.Context, keys []ledger.DeadLetterKey, d ledger.Dismissal) error
	RecordReplay(ctx context.Context, k ledger.DeadLetterKey, r ledger.Replay) error
	Close()
}

// printAnswer prints an answer as a line of text or as JSON.
func printAnswer(out io.Writer, asJSON bool, data any, text string) error {
	if asJSON {
		return json.NewEncoder(out).Encode(data)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// printJSONLines prints the view of each item as JSON, one object a line.
func printJSONLines[T, V any](out io.Writer, items []T, view func(T) V) error {
	encoder := json.NewEncoder(out)
	for _, item := range items {
		if err := encoder.Encode(view(item)); err != nil {
			return err
		}
	}
	return nil
}

// answerTimeout is how long a running bridge takes to answer a command at most.
const answerTimeout = 10 * time.Second
