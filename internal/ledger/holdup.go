package ledger

import "time"

// Holdup is what an entity holds up that keeps failing.
type Holdup struct {
	// Quiet is how long ago the run last got on, in any of its entities.
	Quiet time.Duration
	// Awaited says that a request for other entities waits for the run to end.
	Awaited bool
	// Others are other entities of the tenant by which to tell whether ServiceTitan
	// answers: those read last come first, then those that the run has not begun.
	Others []string
}
