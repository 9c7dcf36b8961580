package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
)

// Request is one accepted or just received sync.requested. Its identity is
// (Source, EventID); ID is the short form that everybody quotes.
type Request struct {
	ID      string // events.RequestID(Source, EventID)
	Source  string
	EventID string
	Digest  string // of the data: the same identity with other data is a conflict

	TenantID     string
	Mode         events.Mode
	Entities     []string // resolved: never empty, never "*"
	Notify       *bool    // nil: decided by mode and outcome
	Channel      string   // resolved: the channel to tell
	AllowDeletes bool
	Reason       string
	Traceparent  string // of the event, handed on to what happens because of it
	Message      string // events.Message.Place of the message that brought it, "" where none did

	State      RequestState
	WorkflowID string
	FirstRunID string // first run of the workflow execution chain, known once accepted
	RunNumber  int64  // the run that serves it, 0 until one has begun
	ReceivedAt time.Time

	// Wait is how long after it is recorded the request counts as received: until
	// then no pass serves it. Only second passes wait.
	Wait time.Duration
}

// Digest tells whether two requests with the same identity ask for the same. It is taken
// of what the data says, so that spaces and the order of keys do not matter.
func Digest(data events.RequestData) (string, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("digest a request: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}

const (
	// WebhookSource begins the source of the requests that webhooks make; the tenant follows.
	WebhookSource = Source + "/webhooks/servicetitan/"
	// SecondPassSource is the source of the requests for a second pass after webhooks.
	SecondPassSource = Source + "/second-pass"
)

// RequestState says how far the bridge came with a request.
type RequestState string

const (
	Received RequestState = "received" // recorded; Temporal may or may not have heard of it
	Accepted RequestState = "accepted" // Temporal has it
)

// Receipt is the ledger's answer to a request: what it holds under that identity.
type Receipt struct {
	Request
	Repeated bool     // it was there already
	Conflict bool     // it was there already with other data
	Outcome  *Outcome // set when it is decided
}

// DuplicateFor says whether another message brought the request before. A redelivery of
// the first message is no duplicate: its answer may have been lost. A request that an
// earlier version recorded does not say which message brought it: it is taken for a
// duplicate once it is accepted.
func (r Receipt) DuplicateFor(q Request) bool {
	if r.Message == "" {
		return r.Repeated && r.State == Accepted
	}
	return r.Message != q.Message
}

// Outcome names how a run ended.
type Outcome struct {
	State     RunState
	RunNumber int64
	Skipped   []string // entities of which nothing was read
}

// WorkflowState is what the ledger knows of a workflow ID.
type WorkflowState struct {
	Known    bool // a request was ever given to it
	Finished bool // nothing it was given is undecided
}
