package ledger

import (
	"time"

	"github.com/lazi/lazisync/events"
)

// WaitCause says what a request waits for that no run serves yet. The values are public.
type WaitCause string

const (
	// WaitForTemporal: the request is recorded and no workflow is known to have it. Temporal
	// is unavailable, or the bridge is down.
	WaitForTemporal WaitCause = "temporal"
	// WaitForWorker: Temporal has the request and no worker has begun its run.
	WaitForWorker WaitCause = "worker"
	// WaitForPass: the open pass of the tenant's incremental sync began before the request,
	// and the next pass serves it.
	WaitForPass WaitCause = "busy"
	// WaitForResume: like WaitForPass, and the open pass is paused.
	WaitForResume WaitCause = "paused"
	// WaitForDelay: the request is for a second pass, which is not due yet.
	WaitForDelay WaitCause = "secondPass"
	// WaitForInterval: the tenant's last pass began less than SYNC_MIN_INTERVAL ago.
	WaitForInterval WaitCause = "interval"
)

// waitTexts describe the causes for people.
var waitTexts = map[WaitCause]string{
	WaitForTemporal: "recorded, waits for Temporal",
	WaitForWorker:   "waits for a worker",
	WaitForPass:     "waits for the open pass to end",
	WaitForResume:   "the incremental sync of the tenant is paused",
	WaitForDelay:    "second pass after a webhook, not due yet",
	WaitForInterval: "waits for the minimum interval between passes",
}

// String describes the cause for people.
func (c WaitCause) String() string {
	if text, ok := waitTexts[c]; ok {
		return text
	}
	return string(c)
}

// Waiting is a request that no run serves yet. Incremental requests of a tenant that wait for the
// same thing are one Waiting, because one run will serve them.
type Waiting struct {
	TenantID    events.TenantID
	Mode        events.Mode
	WorkflowID  string
	RequestID   string // of the oldest request
	Requests    int
	Entities    []string  // of all requests
	RequestedBy Requester // of the oldest request
	Why         WaitCause
	Since       time.Time // when the oldest request was recorded; for WaitForDelay, zero
	Due         time.Time // for WaitForDelay and WaitForInterval: when a pass may begin; otherwise zero
	Run         int64     // for WaitForPass and WaitForResume: the open pass
	Pause       *Pause    // for WaitForResume
}
