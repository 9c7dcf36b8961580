package events

import "time"

// RequestData asks for a sync.
type RequestData struct {
	Mode         Mode     `json:"mode"`
	Entities     []string `json:"entities,omitempty"`     // default: the configured set; ["*"] means all; a rebuild takes exactly one
	TenantID     string   `json:"tenantId,omitempty"`     // needed only where several tenants are configured
	Notify       *bool    `json:"notify,omitempty"`       // default: true for full and rebuild, false for incremental
	Channel      string   `json:"channel,omitempty"`      // where to notify, default the configured channel
	AllowDeletes bool     `json:"allowDeletes,omitempty"` // lets a sweep pass the delete guard
	Reason       string   `json:"reason,omitempty"`       // for people
}

// ControlData pauses, resumes or cancels. Exactly one of WorkflowID and RequestID is given.
type ControlData struct {
	Action     Action `json:"action"`
	WorkflowID string `json:"workflowId,omitempty"`
	RequestID  string `json:"requestId,omitempty"` // a plain event id works too when only one request has it
	Reason     string `json:"reason,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

// EventRef names an event by its identity.
type EventRef struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// AcceptedData answers a command that will be, or already was, carried out.
type AcceptedData struct {
	Kind       Kind        `json:"kind"`
	RequestID  string      `json:"requestId"`
	Event      EventRef    `json:"event"`
	WorkflowID string      `json:"workflowId"`
	RunID      string      `json:"runId,omitempty"`
	Duplicate  bool        `json:"duplicate"`
	Message    string      `json:"message,omitempty"` // Message.Place of the command's message
	Outcome    *OutcomeRef `json:"outcome,omitempty"` // when it was decided already
}

// OutcomeRef names the outcome of a request that was decided already.
type OutcomeRef struct {
	Type      string   `json:"type"`                // the outcome's event type
	RunNumber int64    `json:"runNumber,omitempty"` // absent when no run had begun
	Skipped   []string `json:"skipped,omitempty"`   // entities of which nothing was read
}

// RejectedData answers a command that can never succeed.
type RejectedData struct {
	Kind       Kind         `json:"kind"`
	RequestID  string       `json:"requestId,omitempty"` // absent when the event's identity could not be read
	Event      *EventRef    `json:"event,omitempty"`     // likewise
	Subject    string       `json:"subject"`             // the NATS subject it came on
	Code       RejectCode   `json:"code"`
	Reason     string       `json:"reason"`
	Errors     []FieldError `json:"errors"`
	DeadLetter DeadLetter   `json:"deadLetter"`
}

// DeadLetter says where the original of a rejected event is parked.
type DeadLetter struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
}

// RunData holds the fields common to everything that is told about a run.
type RunData struct {
	TenantID   string       `json:"tenantId"`
	Mode       Mode         `json:"mode"`
	WorkflowID string       `json:"workflowId"`
	RunID      string       `json:"runId,omitempty"`     // absent only from the outcome of requests withdrawn before a run began
	RunNumber  int64        `json:"runNumber,omitempty"` // likewise
	Entities   []string     `json:"entities"`
	Requests   []RequestRef `json:"requests"`
}

// RequestRef names a request that a run serves.
type RequestRef struct {
	RequestID string `json:"requestId"`
	Source    string `json:"source"`
	ID        string `json:"id"`
}

// StartedData says that a run began.
type StartedData struct {
	RunData
	Part  int `json:"part,omitempty"` // set when the requests do not fit one event
	Parts int `json:"parts,omitempty"`
}

// ProgressData says how far a run is with one entity. Progress may be lost.
type ProgressData struct {
	RunData
	Entity           string   `json:"entity"`
	Phase            Phase    `json:"phase"`
	Pages            int64    `json:"pages"`
	Records          int64    `json:"records"`
	Total            *int64   `json:"total,omitempty"` // records to expect, where the API says so
	RecordsPerSecond float64  `json:"recordsPerSecond"`
	EtaSeconds       *int64   `json:"etaSeconds,omitempty"`
	Waiting          *Waiting `json:"waiting,omitempty"`
	Part             int      `json:"part,omitempty"`
	Parts            int      `json:"parts,omitempty"`
}

// Waiting says why an entity is not moving.
type Waiting struct {
	Why     WaitReason `json:"why"`
	Seconds float64    `json:"seconds"` // how much longer; 0 when nobody can tell
}

// ControlledData says that a run was paused or resumed.
type ControlledData struct {
	RunData
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Part   int    `json:"part,omitempty"`
	Parts  int    `json:"parts,omitempty"`
}

// OutcomeData says how a run ended.
type OutcomeData struct {
	RunData
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Results    []Result  `json:"results"`
	Notify     []string  `json:"notify"` // channels to tell, already decided
	Error      *RunError `json:"error,omitempty"`
	Reason     string    `json:"reason,omitempty"` // why it was cancelled
	Part       int       `json:"part,omitempty"`
	Parts      int       `json:"parts,omitempty"`
}

// Result is what a run did to one entity.
type Result struct {
	Entity        string    `json:"entity"`
	Status        Status    `json:"status"`
	Pages         int64     `json:"pages"`
	Fetched       int64     `json:"fetched"`
	Inserted      int64     `json:"inserted"`
	Updated       int64     `json:"updated"`
	Unchanged     int64     `json:"unchanged"`
	Deleted       int64     `json:"deleted"`
	Rejected      int64     `json:"rejected"`
	SkippedReason string    `json:"skippedReason,omitempty"`
	Warnings      []string  `json:"warnings,omitempty"` // what a person should know, though it is no failure
	Error         *RunError `json:"error,omitempty"`
}

// RunError says why a run, or one entity of it, failed.
type RunError struct {
	Type    ErrorType `json:"type"`
	Message string    `json:"message"`
	Entity  string    `json:"entity,omitempty"`
}
