package config

import (
	"time"

	"github.com/rs/zerolog"
)

// Variable is an environment variable. The table below is the complete configuration: the
// documentation, .env.example and `lazisync config` are generated from it.
type Variable struct {
	Name    string
	Default string
	Secret  bool
	File    bool // NAME_FILE may name a file with the value, as for a secret
	Doc     string
	// Field is its name in the tenants file, where each tenant may have a value of its own. An array
	// there is joined with Separator, "" for a comma.
	Field     string
	Separator string

	// set parses the value into c. Variables with a Field set c.Defaults.
	set func(c *Config, text string) error
}

// AllowsFile reports whether NAME_FILE can name a file with the value.
func (v Variable) AllowsFile() bool { return v.Secret || v.File }

// MaxRun is the maximum limit for the duration of a run or pause; the ledger keeps runs for 90
// days.
const MaxRun = 30 * 24 * time.Hour

// Variables lists all variables.
var Variables = []Variable{
	{Name: "NATS_URL", Default: "nats://127.0.0.1:4222", File: true, Doc: "addresses of the servers of one NATS cluster with JetStream, separated by commas", set: natsURL},
	{Name: "NATS_CREDS", Doc: "path of the NATS credentials file", set: file(func(c *Config) *string { return &c.NATS.Creds }, anyContent)},
	{Name: "NATS_TLS_CA", Doc: "path of the CA certificate of the NATS servers. TLS is used if a NATS_TLS_ variable is set or an address begins with tls://", set: file(func(c *Config) *string { return &c.NATS.TLS.CA }, authorities)},
	{Name: "NATS_TLS_CERT", Doc: "path of the client certificate", set: file(func(c *Config) *string { return &c.NATS.TLS.Cert }, certificate)},
	{Name: "NATS_TLS_KEY", Doc: "path of the client certificate's key", set: file(func(c *Config) *string { return &c.NATS.TLS.Key }, privateKey)},
	{Name: "NATS_INBOX_PREFIX", Default: "_INBOX", Doc: "prefix of the subjects at which the process receives replies. Give each user its own, so that other users cannot read them", set: inboxPrefix},

	{Name: "NATS_REPLICAS", Default: "1", Doc: "number of servers that store each stream and consumer: 1, 3 or 5. With 3, the loss of one server loses nothing and stops nothing; with 5, the loss of two. lazisync migrate raises the replicas of streams that have fewer", set: replicas},
	{Name: "NATS_JS_DOMAIN", Doc: "JetStream domain of the streams, if NATS_URL is a server of another domain, such as a leaf node", set: domain},

	{Name: "TEMPORAL_ADDRESS", Default: "localhost:7233", Doc: "host:port of Temporal's frontend", set: dialAddress(func(c *Config) *string { return &c.Temporal.Address })},
	{Name: "TEMPORAL_NAMESPACE", Default: "default", Doc: "Temporal namespace", set: word(func(c *Config) *string { return &c.Temporal.Namespace }, "the name of a namespace")},
	{Name: "TEMPORAL_TASK_QUEUE", Default: "sync-tasks", Doc: "task queue of workflows and slices; short activities use the task queue <name>-control", set: taskQueue},
	{Name: "TEMPORAL_API_KEY", Secret: true, Doc: "API key for Temporal Cloud", set: secret(func(c *Config) *Secret { return &c.Temporal.APIKey })},
	{Name: "TEMPORAL_TLS", Doc: "whether to use TLS; any other TEMPORAL_TLS_ variable implies it", set: boolean(func(c *Config) *bool { return &c.Temporal.TLS.On })},
	{Name: "TEMPORAL_TLS_CA", Doc: "path of the CA certificate of Temporal's server", set: file(func(c *Config) *string { return &c.Temporal.TLS.CA }, authorities)},
	{Name: "TEMPORAL_TLS_CERT", Doc: "path of the client certificate", set: file(func(c *Config) *string { return &c.Temporal.TLS.Cert }, certificate)},
	{Name: "TEMPORAL_TLS_KEY", Doc: "path of the client certificate's key", set: file(func(c *Config) *string { return &c.Temporal.TLS.Key }, privateKey)},
	{Name: "TEMPORAL_TLS_SERVER_NAME", Doc: "name to expect in the server's certificate", set: hostName(func(c *Config) *string { return &c.Temporal.TLS.ServerName })},

	{Name: "DATABASE_URL", Secret: true, Doc: "PostgreSQL 15 or newer: postgres://user:password@host:5432/database", set: databaseURL},

	{Name: "SERVICETITAN_ENVIRONMENT", Default: string(Production), Doc: "production or integration", set: environment},
	{Name: "SERVICETITAN_API_URL", Doc: "overrides the environment's API address", set: webURL(func(c *Config) *string { return &c.ServiceTitan.APIURL })},
	{Name: "SERVICETITAN_AUTH_URL", Doc: "overrides the environment's token server", set: webURL(func(c *Config) *string { return &c.ServiceTitan.AuthURL })},
	{Name: tenantsFileVariable, Doc: "path of a JSON file with several tenants, see below; in place of SERVICETITAN_TENANT_ID, _CLIENT_ID and _CLIENT_SECRET", set: file(func(c *Config) *string { return &c.ServiceTitan.TenantsFile }, anyContent)},
	{Name: "SERVICETITAN_TENANT_ID", Field: "id", Doc: "the tenant's number", set: tenantID},
	{Name: "SERVICETITAN_CLIENT_ID", Field: "clientId", Doc: "client id of the app in this tenant", set: word(func(c *Config) *string { return &c.Defaults.ClientID }, "the client id of the app")},
	{Name: "SERVICETITAN_CLIENT_SECRET", Field: "clientSecret", Secret: true, Doc: "client secret", set: secret(func(c *Config) *Secret { return &c.Defaults.ClientSecret })},
	{Name: "SERVICETITAN_APP_KEY", Field: "appKey", Secret: true, Doc: "key of the app, sent as ST-App-Key", set: secret(func(c *Config) *Secret { return &c.Defaults.AppKey })},
	{Name: "SERVICETITAN_REQUESTS_PER_SECOND", Field: "requestsPerSecond", Default: "50", Doc: "API calls per second and tenant, of all processes together; ServiceTitan allows 60", set: requestsPerSecond},
	{Name: "SERVICETITAN_WEBHOOK_SECRET", Field: "webhookSecret", Secret: true, Doc: "HMAC key of the webhooks. Several, separated by commas, if subscriptions have different keys, or while a key is replaced", set: webhookSecrets},
	{Name: "SERVICETITAN_WEBHOOK_HEADER", Default: "x-servicetitan-signature", Doc: "header with the webhook's signature", set: webhookHeader},
	{Name: "SERVICETITAN_WEBHOOK_ENCODING", Default: "any", Doc: "encoding of the signature: hex, base64, or any to accept both. A prefix sha256= is accepted", set: webhookEncoding},
	{Name: "SERVICETITAN_WEBHOOK_ENTITIES", Doc: "entities to sync after webhook events: location=locations;job.completed=jobs,invoices. An entry replaces the built-in one of this event. Events without an entry sync SYNC_ENTITIES", set: webhookEntities},

	{Name: "SYNC_ENTITIES", Field: "entities", Default: "customers,jobs,invoices,estimates", Doc: "entities of requests that name none; * for all", set: entities},
	{Name: "SYNC_SCHEDULE_INCREMENTAL", Field: "scheduleIncremental", Separator: lineSeparator, Default: "*/15 * * * *", Doc: "cron expression of the incremental sync, off for none. Or several, each with its entities and separated by semicolons, see docs/operations.md", set: schedule(func(c *Config) *Cadence { return &c.Defaults.ScheduleIncremental })},
	{Name: "SYNC_SCHEDULE_FULL", Field: "scheduleFull", Separator: lineSeparator, Default: "0 3 * * 0", Doc: "cron expression of the full sync, off for none; or several, likewise", set: schedule(func(c *Config) *Cadence { return &c.Defaults.ScheduleFull })},
	{Name: "SYNC_SCHEDULE_VERIFY", Field: "scheduleVerify", Separator: lineSeparator, Default: Off, Doc: "cron expression of the verify, which compares the tables with ServiceTitan and changes nothing, off for none; or several, likewise", set: schedule(func(c *Config) *Cadence { return &c.Defaults.ScheduleVerify })},
	{Name: "SYNC_TIMEZONE", Field: "timezone", Default: "UTC", Doc: "time zone of the schedules, and of the local times in the views of schema st", set: timezone},
	{Name: "SYNC_MIN_INTERVAL", Field: "minInterval", Default: "0", Doc: "minimum time from the beginning of an incremental pass of a tenant to that of the next. Requests wait and share it, so that it bounds what webhooks cost; 0 or off for none", set: minInterval},
	{Name: "SYNC_RUN_DEADLINE", Default: "24h", Doc: "time after which a run fails; pauses do not count", set: duration(func(c *Config) *time.Duration { return &c.Sync.RunDeadline }, time.Second, MaxRun)},
	{Name: "SYNC_PAUSE_LIMIT", Default: "72h", Doc: "time after which a paused run is cancelled", set: duration(func(c *Config) *time.Duration { return &c.Sync.PauseLimit }, time.Second, MaxRun)},
	{Name: "SYNC_STALL_LIMIT", Default: "10m", Doc: "time after which an entity that stores nothing because of errors ends as failed, if other entities can be read; a tenth of it while requests wait", set: duration(func(c *Config) *time.Duration { return &c.Sync.StallLimit }, time.Second, MaxRun)},

	{Name: "SYNC_FRESHNESS", Default: "1h", Doc: "largest age of an entity; sync.stale reports older ones. A duration or off, and exceptions: 1h,jobs=15m,customers=off. The default is longer for slower schedules, see docs/operations.md", set: freshness},

	{Name: "SYNC_WEBHOOK_SECOND_PASS", Default: "5m", Doc: "time after a webhook at which its entities are read a second time, because the API may lag behind; off for never", set: duration(func(c *Config) *time.Duration { return &c.Sync.SecondPass }, time.Second, 24*time.Hour, 0)},
	{Name: "SYNC_DELETE_GUARD", Default: "10%", Doc: "share of a table's rows that a full sync or rebuild may mark as deleted without allowDeletes; 50 rows are always allowed", set: percent(func(c *Config) *float64 { return &c.Sync.DeleteGuard })},

	{Name: "SYNC_VIEWS", Default: "on", Doc: "whether lazisync migrate creates and updates the views of schema st, see docs/views.md: on or off. off leaves existing views as they are", set: onOff(func(c *Config) *bool { return &c.Sync.Views })},
	{Name: "SYNC_CHANGES", Default: Off, Doc: "whether runs record each change of a row in raw.changes, see docs/data.md: on or off. Run lazisync migrate after a change", set: onOff(func(c *Config) *bool { return &c.Sync.Changes })},
	{Name: "SYNC_CHANGES_KEEP", Default: "720h", Doc: "time for which raw.changes keeps changes; older ones are deleted once a day", set: duration(func(c *Config) *time.Duration { return &c.Sync.ChangesKeep }, 24*time.Hour, 10*365*24*time.Hour)},
	{Name: "SYNC_FIELDS", File: true, Doc: "fields of records that are not stored as received: entity.field=action, separated by semicolons or line breaks, with the actions drop, hash and keep, see docs/operations.md: employees.hourlyRate=drop;customers.address.street=hash", set: fieldPolicy},
	{Name: "SYNC_FIELDS_KEY", Secret: true, Doc: "key of the hashes in place of fields, at least 32 characters; needed if SYNC_FIELDS hashes a field", set: fieldsKey},

	{Name: "SLACK_WEBHOOK_URL", Secret: true, Doc: "URL of a Slack incoming webhook; without one, messages are logged", set: slackURL},
	{Name: "SLACK_WEBHOOK_URLS", Secret: true, Doc: "URLs of webhooks by channel: #ops=https://…,#finance=https://…", set: slackURLs},
	{Name: "SLACK_BOT_TOKEN", Secret: true, Doc: "token of a Slack app's bot, instead of SLACK_WEBHOOK_URL: it posts one message per incident and edits it until the incident ends", set: slackToken},
	{Name: "SLACK_API_URL", Default: "https://slack.com/api", Doc: "address of Slack's web API, for SLACK_BOT_TOKEN", set: slackAPIURL},
	{Name: "SLACK_CHANNEL", Field: "channel", Default: "#sync-alerts", Doc: "channel of notifications if the request names none, and of rejected commands", set: channel},
	{Name: "SLACK_FOLD_WINDOW", Default: "1h", Doc: "time in which identical failures are grouped into one message; off for never", set: duration(func(c *Config) *time.Duration { return &c.Slack.FoldWindow }, time.Second, 24*time.Hour, 0)},
	{Name: "SLACK_RUN_URL", Doc: "URL of a page about a run, for the links in messages: https://temporal.example.com/namespaces/default/workflows/{workflowId}/{runId}/history. {workflowId}, {runId} and {runNumber} are replaced", set: runURL},

	{Name: "NOTIFY_WEBHOOK_URL", Secret: true, Doc: "receiver of signed webhooks (standardwebhooks.com) about every notification, beside Slack; needs NOTIFY_WEBHOOK_SECRET", set: notifyWebhookURL},
	{Name: "NOTIFY_WEBHOOK_SECRET", Secret: true, Doc: "key that signs these webhooks: whsec_ and 24 to 64 bytes in base64; two, separated by a comma, while one is being replaced", set: notifyWebhookSecrets},
	{Name: "NOTIFY_URLS", Secret: true, Doc: "other services that receive every notification: name=URL name=URL, with URLs as https://shoutrrr.nickfedor.com/services describes, such as oncall=pagerduty://… mail=smtp://…; the name is their channel", set: notifyURLs},
	{Name: "NOTIFY_ROUTES", Doc: "channels by tenant and kind: 1001=failed,recovered:#oncall,webhook;*=rejected,warning:#data. What no route names goes to the channel of the request or SLACK_CHANNEL, and to the webhook", set: notifyRoutes},

	{Name: "HTTP_ADDR", Default: "127.0.0.1:8080", Doc: "address of the gateway", set: listenAddress(func(c *Config) *string { return &c.HTTP.Addr })},
	{Name: "ADMIN_ADDR", Doc: "address of health checks and metrics; default 127.0.0.1 with :9090 serve, :9091 bridge, :9092 worker, :9093 notifier, :9094 gateway", set: listenAddress(func(c *Config) *string { return &c.HTTP.AdminAddr })},
	{Name: "API_TOKENS", Secret: true, Doc: "bearer tokens of the gateway: name=token,name:role=token. A role is operator (the default) or viewer, who may only read. Without a token the gateway listens on loopback addresses only", set: apiTokens},

	{Name: "LOG_LEVEL", Default: zerolog.InfoLevel.String(), Doc: "trace, debug, info, warn or error", set: logLevel},
	{Name: "LOG_FORMAT", Default: "json", Doc: "format of log lines: json or console", set: oneOf(func(c *Config) *string { return &c.Log.Format }, "json", "console")},

	{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Doc: "URL of an OpenTelemetry collector, such as http://collector:4318, that receives traces and metrics; without one nothing is exported", set: webURL(func(c *Config) *string { return &c.OTLP.Endpoint })},
	{Name: "OTEL_EXPORTER_OTLP_HEADERS", Secret: true, Doc: "headers of each export: api-key=…,other=…, values percent-encoded", set: otlpHeaders},
	{Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Default: "http/protobuf", Doc: "protocol of the collector, only http/protobuf", set: oneOf(func(c *Config) *string { return &c.OTLP.Protocol }, "http/protobuf")},
	{Name: "OTEL_TRACES_EXPORTER", Default: OTLP, Doc: "whether traces are exported: otlp or none", set: oneOf(func(c *Config) *string { return &c.OTLP.Traces }, OTLP, "none")},
	{Name: "OTEL_METRICS_EXPORTER", Default: OTLP, Doc: "whether metrics are exported, besides being served at ADMIN_ADDR: otlp or none", set: oneOf(func(c *Config) *string { return &c.OTLP.Metrics }, OTLP, "none")},
	{Name: "OTEL_TRACES_SAMPLER", Default: "parentbased_always_on", Doc: "which traces are exported: always_on, always_off or traceidratio; with parentbased_ in front, a trace that a publisher has begun is exported if the publisher samples it", set: oneOf(func(c *Config) *string { return &c.OTLP.Sampler }, Samplers...)},
	{Name: "OTEL_TRACES_SAMPLER_ARG", Default: "1", Doc: "share of the traces that traceidratio exports, from 0 to 1", set: sampleRate},
	{Name: "OTEL_SERVICE_NAME", Doc: "name of the service in traces; default lazisync for serve, lazisync-bridge for the bridge and so on", set: word(func(c *Config) *string { return &c.OTLP.ServiceName }, "the name of the service")},
	{Name: "OTEL_RESOURCE_ATTRIBUTES", Doc: "attributes of traces and metrics: deployment.environment.name=staging,key=value, values percent-encoded", set: resourceAttributes},
	{Name: "OTEL_SDK_DISABLED", Default: "false", Doc: "true exports nothing, whatever the other variables say", set: boolean(func(c *Config) *bool { return &c.OTLP.Disabled })},
}
