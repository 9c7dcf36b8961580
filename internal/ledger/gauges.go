package ledger

import "github.com/lazi/lazisync/events"

// Gauges are the values of the ledger that change with time, for metrics.
type Gauges struct {
	OpenRuns        map[OpenRuns]int64
	Freshness       []Freshness
	RejectedRecords map[TenantEntity]int64
	DatabaseBytes   int64
}

// OpenRuns identifies a number of runs without an outcome.
type OpenRuns struct {
	TenantID events.TenantID
	Mode     events.Mode
	State    RunState
}

// TenantEntity is an entity of a tenant.
type TenantEntity struct {
	TenantID events.TenantID
	Entity   string
}
