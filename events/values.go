package events

// Action is the action of a sync.control.
type Action string

const (
	Pause  Action = "pause"
	Resume Action = "resume"
	Cancel Action = "cancel"
)

// Kind is the kind of command that an answer is for.
type Kind string

const (
	KindRequest Kind = "request"
	KindControl Kind = "control"
)

// Status is the outcome of one entity of a run.
type Status string

const (
	StatusCompleted Status = "completed"
	StatusFailed    Status = "failed"
	StatusSkipped   Status = "skipped"
	StatusCancelled Status = "cancelled"
)

// Phase is the current step of an entity of a run.
type Phase string

const (
	PhaseQueued    Phase = "queued"
	PhaseReading   Phase = "reading"
	PhaseSweeping  Phase = "sweeping"
	PhaseChecking  Phase = "checking"
	PhaseApplying  Phase = "applying"
	PhaseComparing Phase = "comparing"
	PhaseDone      Phase = "done"
)

// WaitReason is the reason why an entity makes no progress.
type WaitReason string

const (
	WaitPaused    WaitReason = "paused"
	WaitRateLimit WaitReason = "rateLimit"
	WaitOutage    WaitReason = "outage"
	WaitBusy      WaitReason = "busy"
)

// ErrorType is the kind of a RunError.
type ErrorType string

const (
	ValidationError  ErrorType = "ValidationError"
	AuthError        ErrorType = "AuthError"
	PermissionError  ErrorType = "PermissionError"
	NotFound         ErrorType = "NotFound"
	APIError         ErrorType = "ApiError"
	StoreError       ErrorType = "StoreError"
	DeadlineExceeded ErrorType = "DeadlineExceeded"
	DeleteGuard      ErrorType = "DeleteGuard"
	Terminated       ErrorType = "Terminated"
)

// ErrorTypes lists all types.
var ErrorTypes = []ErrorType{
	ValidationError, AuthError, PermissionError, NotFound, APIError, StoreError, DeadlineExceeded, DeleteGuard, Terminated,
}

// RejectCode is the reason of a rejection.
type RejectCode string

const (
	CodeNotJSON       RejectCode = "notJson"       // the body is not one JSON object
	CodeTooLarge      RejectCode = "tooLarge"      // over MaxSize
	CodeBadEnvelope   RejectCode = "badEnvelope"   // an invalid CloudEvent
	CodeTypeMismatch  RejectCode = "typeMismatch"  // the type is not that of the subject
	CodeInvalidData   RejectCode = "invalidData"   // the data does not match the schema
	CodeUnknownEntity RejectCode = "unknownEntity" // no such entity
	CodeUnknownTenant RejectCode = "unknownTenant" // no such tenant, or none given although several are configured
	CodeUnknownRun    RejectCode = "unknownRun"    // a control of something that does not exist
	CodeFinishedRun   RejectCode = "finishedRun"   // a control of something that has ended
	CodeAmbiguous     RejectCode = "ambiguous"     // the id matches several requests
	CodeExpired       RejectCode = "expired"       // it is too old
	CodeConflict      RejectCode = "conflict"      // the identity was already used with different data
)

// RejectCodes lists all codes.
var RejectCodes = []RejectCode{
	CodeNotJSON, CodeTooLarge, CodeBadEnvelope, CodeTypeMismatch, CodeInvalidData, CodeUnknownEntity, CodeUnknownTenant,
	CodeUnknownRun, CodeFinishedRun, CodeAmbiguous, CodeExpired, CodeConflict,
}

// NamesNothing reports whether the target of a control does not exist, has ended or is
// ambiguous. Its sender gets the answer; operators need not act.
func (c RejectCode) NamesNothing() bool {
	return c == CodeUnknownRun || c == CodeFinishedRun || c == CodeAmbiguous
}
