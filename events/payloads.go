package events

import "time"

// RequestData is the data of sync.requested.
type RequestData struct {
	Mode         Mode       `json:"mode"`
	Entities     []string   `json:"entities,omitempty"`     // default: the configured set; ["*"] means all; a rebuild or refresh needs exactly one
	IDs          []RecordID `json:"ids,omitempty"`          // a refresh: only these records
	Since        *time.Time `json:"since,omitempty"`        // a refresh: only records that changed since then
	TenantID     string     `json:"tenantId,omitempty"`     // required if several tenants are configured
	Notify       *bool      `json:"notify,omitempty"`       // default: ModeInfo.NotifyByDefault
	Channel      string     `json:"channel,omitempty"`      // of the notification; default: the configured channel
	AllowDeletes bool       `json:"allowDeletes,omitempty"` // overrides the delete guard
	Reason       string     `json:"reason,omitempty"`       // text for people
}

// ControlData is the data of sync.control. Exactly one of WorkflowID and RequestID is set.
type ControlData struct {
	Action     Action `json:"action"`
	WorkflowID string `json:"workflowId,omitempty"`
	RequestID  string `json:"requestId,omitempty"` // or an event id, if only one request has it
	Reason     string `json:"reason,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

// EventRef names an event by its identity.
type EventRef struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// AcceptedData is the data of sync.accepted, the answer to a command that will be, or
// already was, carried out.
type AcceptedData struct {
	Kind       Kind        `json:"kind"`
	RequestID  string      `json:"requestId"`
	Event      EventRef    `json:"event"`
	WorkflowID string      `json:"workflowId"`
	RunID      string      `json:"runId,omitempty"`
	Duplicate  bool        `json:"duplicate"`
	Message    string      `json:"message,omitempty"` // Message.Place of the command
	Outcome    *OutcomeRef `json:"outcome,omitempty"` // if the request already has one
}

// OutcomeRef identifies the outcome of a request.
type OutcomeRef struct {
	Type      string   `json:"type"`                // the CloudEvents type of the outcome
	RunNumber int64    `json:"runNumber,omitempty"` // absent if no run had started
	Skipped   []string `json:"skipped,omitempty"`   // entities that were not read
}

// RejectedData is the data of sync.rejected, the answer to a command that can never
// succeed.
type RejectedData struct {
	Kind       Kind         `json:"kind"`
	RequestID  string       `json:"requestId,omitempty"` // absent if the identity of the event is invalid
	Event      *EventRef    `json:"event,omitempty"`     // likewise
	Subject    string       `json:"subject"`             // the NATS subject of the command
	Code       RejectCode   `json:"code"`
	Reason     string       `json:"reason"`
	Errors     []FieldError `json:"errors"`
	DeadLetter DeadLetter   `json:"deadLetter"`
}

// DeadLetter is the position of a rejected message in the dead-letter stream.
type DeadLetter struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
}

// RunData contains the fields that all events about a run have.
type RunData struct {
	TenantID   TenantID     `json:"tenantId"`
	Mode       Mode         `json:"mode"`
	WorkflowID string       `json:"workflowId"`
	RunID      string       `json:"runId,omitempty"`     // absent only in the outcome of requests that were withdrawn before a run started
	RunNumber  int64        `json:"runNumber,omitempty"` // likewise
	Refresh    bool         `json:"refresh,omitempty"`   // an incremental that reads only the records that its requests name
	Entities   []string     `json:"entities"`
	Requests   []RequestRef `json:"requests"`
}

// RequestRef identifies a request that a run serves.
type RequestRef struct {
	RequestID string `json:"requestId"`
	Source    string `json:"source"`
	ID        string `json:"id"`
}

// StartedData is the data of sync.started.
type StartedData struct {
	RunData
	Part  int `json:"part,omitempty"` // number of the part, if the requests do not fit one event
	Parts int `json:"parts,omitempty"`
}

// ProgressData is the data of sync.progress: the progress of a run in one entity. These
// events can be lost.
type ProgressData struct {
	RunData
	Entity           string   `json:"entity"`
	Phase            Phase    `json:"phase"`
	Pages            int64    `json:"pages"`
	Records          int64    `json:"records"`
	Total            *int64   `json:"total,omitempty"` // expected records; absent if unknown
	RecordsPerSecond float64  `json:"recordsPerSecond"`
	EtaSeconds       *int64   `json:"etaSeconds,omitempty"`
	Waiting          *Waiting `json:"waiting,omitempty"`
	Part             int      `json:"part,omitempty"`
	Parts            int      `json:"parts,omitempty"`
}

// Waiting is the reason why an entity makes no progress.
type Waiting struct {
	Why     WaitReason `json:"why"`
	Seconds float64    `json:"seconds"` // remaining time; 0 if unknown
}

// ControlledData is the data of sync.paused and sync.resumed.
type ControlledData struct {
	RunData
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Part   int    `json:"part,omitempty"`
	Parts  int    `json:"parts,omitempty"`
}

// FreshnessData is the data of sync.stale and sync.fresh.
type FreshnessData struct {
	TenantID TenantID    `json:"tenantId"`
	Entities []EntityAge `json:"entities"`
	Since    time.Time   `json:"since"`           // when the first of the entities became stale
	Cause    string      `json:"cause,omitempty"` // the likely one, for people
}

// EntityAge is the age of the data of an entity.
type EntityAge struct {
	Entity        string     `json:"entity"`
	AsOf          *time.Time `json:"asOf,omitempty"` // ServiceTitan's clock at the start of the last complete read
	AgeSeconds    int64      `json:"ageSeconds"`
	TargetSeconds int64      `json:"targetSeconds"`
}

// OutcomeData is the data of sync.completed, sync.failed and sync.cancelled.
type OutcomeData struct {
	RunData
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Results    []Result  `json:"results"`
	Notify     []string  `json:"notify"` // channels to notify; empty for no notification
	Error      *RunError `json:"error,omitempty"`
	Reason     string    `json:"reason,omitempty"` // why it was cancelled
	Part       int       `json:"part,omitempty"`
	Parts      int       `json:"parts,omitempty"`
}

// Counts counts the pages and records of one entity of a run.
type Counts struct {
	Pages     int64 `json:"pages"`
	Fetched   int64 `json:"fetched"`
	Inserted  int64 `json:"inserted"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Deleted   int64 `json:"deleted"`
	Rejected  int64 `json:"rejected"`
}

// Add adds the counts of another.
func (c *Counts) Add(o Counts) {
	c.Pages += o.Pages
	c.Fetched += o.Fetched
	c.Inserted += o.Inserted
	c.Updated += o.Updated
	c.Unchanged += o.Unchanged
	c.Deleted += o.Deleted
	c.Rejected += o.Rejected
}

// Minus returns the difference to earlier counts.
func (c Counts) Minus(earlier Counts) Counts {
	return Counts{
		Pages: c.Pages - earlier.Pages, Fetched: c.Fetched - earlier.Fetched, Inserted: c.Inserted - earlier.Inserted,
		Updated: c.Updated - earlier.Updated, Unchanged: c.Unchanged - earlier.Unchanged, Deleted: c.Deleted - earlier.Deleted,
		Rejected: c.Rejected - earlier.Rejected,
	}
}

// Result is the result of a run for one entity.
type Result struct {
	Entity string `json:"entity"`
	Status Status `json:"status"`
	Counts
	Differences   *Differences `json:"differences,omitempty"` // of a verify that compared the entity
	Changes       *int64       `json:"changes,omitempty"`     // rows of raw.changes, if they are all changes of the run
	SkippedReason string       `json:"skippedReason,omitempty"`
	Warnings      []string     `json:"warnings,omitempty"` // for people; not failures
	Error         *RunError    `json:"error,omitempty"`
}

// Differences counts the rows of a table that differ from ServiceTitan, each once.
type Differences struct {
	Missing int64    `json:"missing"` // records without a live row
	Extra   int64    `json:"extra"`   // live rows without a record
	Stale   int64    `json:"stale"`   // rows with an older version than the record
	Damaged int64    `json:"damaged"` // rows whose content is not that of their version of the record
	Sample  []string `json:"sample"`  // some of their ids, at most SampleSize
}

// SampleSize is the maximum number of ids in Differences.
const SampleSize = 20

// Total returns the number of differences, 0 for nil.
func (d *Differences) Total() int64 {
	if d == nil {
		return 0
	}
	return d.Missing + d.Extra + d.Stale + d.Damaged
}

// DifferenceKind is a kind of Differences with its number of rows.
type DifferenceKind struct {
	Name string
	Rows int64
}

// Kinds returns the kinds that occur; none for nil.
func (d *Differences) Kinds() (kinds []DifferenceKind) {
	if d == nil {
		return nil
	}
	for _, k := range []DifferenceKind{{"missing", d.Missing}, {"extra", d.Extra}, {"stale", d.Stale}, {"damaged", d.Damaged}} {
		if k.Rows > 0 {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// RunError is the reason why a run, or one of its entities, failed.
type RunError struct {
	Type    ErrorType `json:"type"`
	Message string    `json:"message"`
	Entity  string    `json:"entity,omitempty"`
}
