package events

// Action is what a control event asks for.
type Action string

const (
	Pause  Action = "pause"
	Resume Action = "resume"
	Cancel Action = "cancel"
)

// Kind is the kind of command an answer belongs to.
type Kind string

const (
	KindRequest Kind = "request"
	KindControl Kind = "control"
)

// Status is how one entity of a run ended.
type Status string

const (
	StatusCompleted Status = "completed"
	StatusFailed    Status = "failed"
	StatusSkipped   Status = "skipped"
	StatusCancelled Status = "cancelled"
)

// Phase is what a run is doing with an entity.
type Phase string

const (
	PhaseQueued   Phase = "queued"
	PhaseReading  Phase = "reading"
	PhaseSweeping Phase = "sweeping"
	PhaseChecking Phase = "checking"
	PhaseApplying Phase = "applying"
	PhaseDone     Phase = "done"
)

// WaitReason is why an entity is not moving.
type WaitReason string

const (
	WaitPaused    WaitReason = "paused"
	WaitRateLimit WaitReason = "rateLimit"
	WaitOutage    WaitReason = "outage"
	WaitBusy      WaitReason = "busy"
)

// ErrorType is why a run, or one entity of it, failed.
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

// RejectCode is why a command was rejected.
type RejectCode string

const (
	CodeNotJSON       RejectCode = "notJson"       // the body is not one JSON object
	CodeTooLarge      RejectCode = "tooLarge"      // over MaxSize
	CodeBadEnvelope   RejectCode = "badEnvelope"   // not a proper CloudEvent
	CodeTypeMismatch  RejectCode = "typeMismatch"  // the type does not fit the subject
	CodeInvalidData   RejectCode = "invalidData"   // the data does not fit the schema
	CodeUnknownEntity RejectCode = "unknownEntity" // no such entity
	CodeUnknownTenant RejectCode = "unknownTenant" // no such tenant, or none named where several are configured
	CodeUnknownRun    RejectCode = "unknownRun"    // control of something that never was
	CodeFinishedRun   RejectCode = "finishedRun"   // control of something that ended
	CodeAmbiguous     RejectCode = "ambiguous"     // several requests fit the id
	CodeExpired       RejectCode = "expired"       // its time has passed
	CodeConflict      RejectCode = "conflict"      // the same identity with other data
)

// RejectCodes are all of them.
var RejectCodes = []RejectCode{
	CodeNotJSON, CodeTooLarge, CodeBadEnvelope, CodeTypeMismatch, CodeInvalidData, CodeUnknownEntity, CodeUnknownTenant,
	CodeUnknownRun, CodeFinishedRun, CodeAmbiguous, CodeExpired, CodeConflict,
}

// NamesNothing says whether a control was rejected because what it names is not there, has
// ended or is not the only one: its sender is answered, and no operator has to act.
func (c RejectCode) NamesNothing() bool {
	return c == CodeUnknownRun || c == CodeFinishedRun || c == CodeAmbiguous
}
