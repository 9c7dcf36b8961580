package metrics

var (
	everyRole    = []string{"bridge", "worker", "notifier", "gateway"}
	databaseRole = []string{"bridge", "worker", "gateway"}
	runRole      = []string{"bridge", "worker"}
)

// Definitions lists the metrics of lazisync, without those of the Go runtime, of the process
// and of Temporal's SDK. docs/observability.md is generated from it.
var Definitions = []Definition{
	{
		Name: "lazisync_build_info", Kind: Gauge, Labels: []string{"version", "goversion"}, Roles: everyRole,
		Help: "Always 1; the labels have the versions of lazisync and Go.",
	},
	{
		Name: "lazisync_requests_total", Kind: Counter, Labels: []string{"mode", "answer"}, Roles: []string{"bridge"},
		Help: "Answers to sync requests by mode and answer: accepted, duplicate or rejected. The mode of an unreadable request is unknown.",
	},
	{
		Name: "lazisync_bridge_answers_total", Kind: Counter, Labels: []string{"kind", "answer"}, Roles: []string{"bridge"},
		Help: "Answers to commands, by kind of command and answer.",
	},
	{
		Name: "lazisync_runs_total", Kind: Counter, Labels: []string{"tenant", "mode", "outcome", "error_type"}, Roles: runRole,
		Help: "Finalized runs, each counted once, by the process that finalized it. error_type is none unless the outcome is failed.",
	},
	{
		Name: "lazisync_run_duration_seconds", Kind: Histogram, Labels: []string{"mode", "outcome"}, Roles: runRole, Buckets: runBuckets,
		Help: "Time from the start of a run to its outcome, pauses included.",
	},
	{
		Name: "lazisync_runs_open", Kind: Gauge, Labels: []string{"tenant", "mode", "state"}, Roles: []string{"bridge"},
		Help: "Runs without an outcome. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_records_total", Kind: Counter, Labels: []string{"tenant", "entity", "result"}, Roles: []string{"worker"},
		Help: "Records of stored pages: inserted, updated, unchanged, deleted or rejected.",
	},
	{
		Name: "lazisync_pages_total", Kind: Counter, Labels: []string{"tenant", "entity"}, Roles: []string{"worker"},
		Help: "Stored pages.",
	},
	{
		Name: "lazisync_new_fields_total", Kind: Counter, Labels: []string{"tenant", "entity"}, Roles: []string{"worker"},
		Help: "Fields of records that no record of the entity had before, each counted once; lazisync entities --drift names them.",
	},
	{
		Name: "lazisync_api_requests_total", Kind: Counter, Labels: []string{"tenant", "status"}, Roles: []string{"worker"},
		Help: "Calls of the ServiceTitan API by HTTP status; none if there was no response.",
	},
	{
		Name: "lazisync_api_request_duration_seconds", Kind: Histogram, Roles: []string{"worker"}, Buckets: secondsBuckets,
		Help: "Duration of calls of the ServiceTitan API, without the wait for the rate limit.",
	},
	{
		Name: "lazisync_api_throttled_seconds_total", Kind: Counter, Labels: []string{"tenant", "reason"}, Roles: []string{"worker"},
		Help: "Seconds that calls waited, summed over calls: for the own rate budget (rate_limit), or because ServiceTitan answered 429 (too_many_requests).",
	},
	{
		Name: "lazisync_entity_age_seconds", Kind: Gauge, Labels: []string{"tenant", "entity"}, Roles: []string{"bridge"},
		Help: "Age of the data of an entity: now minus ServiceTitan's clock at the start of the last complete read. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_entity_stale", Kind: Gauge, Labels: []string{"tenant", "entity"}, Roles: []string{"bridge"},
		Help: "1 if an entity is older than SYNC_FRESHNESS allows, else 0; absent if it is not evaluated. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_rejected_records", Kind: Gauge, Labels: []string{"tenant", "entity"}, Roles: []string{"bridge"},
		Help: "Rows of raw.rejected_records, 0 for an entity without any. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_database_size_bytes", Kind: Gauge, Roles: []string{"bridge"},
		Help: "Size of the database. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_consumer_pending", Kind: Gauge, Labels: []string{"consumer"}, Roles: []string{"bridge", "notifier"},
		Help: "Messages that a consumer has not settled, delivered or not. Every process of the role that consumes has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_consumer_redelivered_total", Kind: Counter, Labels: []string{"consumer"}, Roles: []string{"bridge", "notifier"},
		Help: "Deliveries that were not the first of their message.",
	},
	{
		Name: "lazisync_dead_letters", Kind: Gauge, Roles: []string{"bridge"},
		Help: "Dead letters that are neither dismissed nor replayed. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_stream_bytes", Kind: Gauge, Labels: []string{"stream"}, Roles: []string{"bridge"},
		Help: "Size of a JetStream stream. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_stream_max_bytes", Kind: Gauge, Labels: []string{"stream"}, Roles: []string{"bridge"},
		Help: "Size limit of a JetStream stream, absent without a limit. Every bridge has the same value: aggregate with max.",
	},
	{
		Name: "lazisync_reconcile_actions_total", Kind: Counter, Labels: []string{"action"}, Roles: []string{"bridge"},
		Help: "Repairs of the reconciler, by action.",
	},
	{
		Name: "lazisync_bridge_mended_total", Kind: Counter, Labels: []string{"what"}, Roles: []string{"bridge"},
		Help: "Deprecated alias of lazisync_reconcile_actions_total.",
	},
	{
		Name: "lazisync_notifications_total", Kind: Counter, Labels: []string{"channel", "result"}, Roles: []string{"notifier"},
		Help: "Notifications by kind of channel and result: sent, grouped, delayed or given_up.",
	},
	{
		Name: "lazisync_notifier_notifications_total", Kind: Counter, Labels: []string{"result"}, Roles: []string{"notifier"},
		Help: "Deprecated: lazisync_notifications_total without the channel.",
	},
	{
		Name: "lazisync_webhooks_total", Kind: Counter, Labels: []string{"result"}, Roles: []string{"gateway"},
		Help: "Webhook deliveries by result: accepted, unknown_event (accepted, for the default entities), bad_signature, invalid or unavailable.",
	},
	{
		Name: "lazisync_gateway_webhooks_total", Kind: Counter, Labels: []string{"result"}, Roles: []string{"gateway"},
		Help: "Deprecated alias of lazisync_webhooks_total, with taken for accepted and refused for invalid.",
	},
	{
		Name: "lazisync_db_statement_duration_seconds", Kind: Histogram, Labels: []string{"statement"}, Roles: databaseRole, Buckets: secondsBuckets,
		Help: "Duration of transactions in PostgreSQL, one observation per attempt, with the wait for a connection.",
	},
	{
		Name: "lazisync_publish_duration_seconds", Kind: Histogram, Roles: everyRole, Buckets: secondsBuckets,
		Help: "Time until JetStream acknowledged a published message.",
	},
	{
		Name: "lazisync_worker_workflow_tasks_failed_total", Kind: Counter, Roles: []string{"worker"},
		Help: "Failed workflow tasks; the workflows in question make no progress, see the log.",
	},
}
