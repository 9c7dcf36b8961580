package events

// The catalogue of events. Any client may publish a command, also as bare JSON data; only
// lazisync publishes the other events. The schema of each is
// schemas/<subject>.v<version>.json.
var (
	Requested = command[RequestData]("sync.requested", 1)
	Control   = command[ControlData]("sync.control", 1)

	Accepted  = define[AcceptedData]("sync.accepted", 1)
	Rejected  = define[RejectedData]("sync.rejected", 1)
	Started   = define[StartedData]("sync.started", 1)
	Progress  = define[ProgressData]("sync.progress", 1)
	Paused    = define[ControlledData]("sync.paused", 1)
	Resumed   = define[ControlledData]("sync.resumed", 1)
	Stale     = define[FreshnessData]("sync.stale", 1)
	Fresh     = define[FreshnessData]("sync.fresh", 1)
	Completed = define[OutcomeData]("sync.completed", 1)
	Failed    = define[OutcomeData]("sync.failed", 1)
	Cancelled = define[OutcomeData]("sync.cancelled", 1)
)
