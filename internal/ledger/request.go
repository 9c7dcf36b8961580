package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/lazi/lazisync/events"
)

// Request is one sync.requested. Its identity is (Source, EventID); ID is the short form of the
// identity.
type Request struct {
	ID      string // events.RequestID(Source, EventID)
	Source  string
	EventID string
	Digest  string // of the data: the same identity with different data is a conflict

	TenantID     events.TenantID
	Mode         events.Mode
	Entities     []string   // resolved: never empty, never "*"
	IDs          []string   // of a refresh: the records to read, each once
	Since        *time.Time // of a refresh: reads what changed since then
	Notify       *bool      // nil: depends on mode and outcome
	Channel      string     // resolved: the channel to notify
	AllowDeletes bool
	Reason       string
	Traceparent  string // of the event, propagated to the events of its run
	Message      string // events.Message.Place of the message that brought it, "" if none did

	State      RequestState
	WorkflowID string
	FirstRunID string // first run of the workflow execution chain, known once accepted
	RunNumber  int64  // the run that serves it, 0 until one has begun
	ReceivedAt time.Time

	// Wait is how long after it is recorded the request counts as received. Until then no
	// pass serves it. It is 0 except for second passes.
	Wait time.Duration
}

// IsPublishedUntil reports whether the stream stored the message of a request until a time in ns, or without
// a message whether the request was received until then. It is true for 0.
func (r Request) IsPublishedUntil(limit uint64) bool {
	if limit == 0 {
		return true
	}
	published := r.ReceivedAt
	if _, _, stored, err := events.ParsePlace(r.Message); err == nil {
		published = stored
	}
	return published.UnixNano() <= int64(min(limit, math.MaxInt64))
}

// Digest returns the digest of the data of a request. It ignores spaces and the order of keys.
func Digest(data events.RequestData) (string, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("compute the digest of a request: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}

// RequestState is the state of a request.
type RequestState string

const (
	Received RequestState = "received" // recorded; Temporal may or may not have it
	Accepted RequestState = "accepted" // Temporal has it
)

// Receipt is what the ledger has under the identity of a request.
type Receipt struct {
	Request
	Repeated bool     // it was recorded before
	Conflict bool     // it was recorded before with different data
	Outcome  *Outcome // set once it is finalized
}

// IsDuplicateFor reports whether another message brought the request before. A redelivery of
// the first message is not a duplicate, because its answer may have been lost. Requests that
// earlier versions recorded do not name their message; they count as duplicates once they are
// accepted.
func (r Receipt) IsDuplicateFor(q Request) bool {
	if r.Message == "" {
		return r.Repeated && r.State == Accepted
	}
	return r.Message != q.Message
}

// Outcome is the outcome of a run.
type Outcome struct {
	State     RunState
	RunNumber int64
	Skipped   []string // entities that were skipped
}

// WorkflowState is the state of a workflow ID in the ledger.
type WorkflowState struct {
	Known    bool  // it serves or served a request
	Finished bool  // all of its requests are finalized
	LastRun  int64 // the highest number of the runs of its requests; 0 if there is none
	// UnclaimedSince is when the oldest request was received that no run has claimed, and with which the
	// bridge will start the workflow if it is not running; zero if there is none.
	UnclaimedSince time.Time
}
