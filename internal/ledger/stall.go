package ledger

import "time"

// Stall describes what a failing entity delays in its run.
type Stall struct {
	// Idle is the time since the run last made progress in any entity.
	Idle time.Duration
	// BlocksOthers reports whether a request for other entities waits for the run to end.
	BlocksOthers bool
	// ProbeEntities are other entities of the tenant with which to test whether ServiceTitan
	// answers: first those read most recently, then those that the run has not begun.
	ProbeEntities []string
}
