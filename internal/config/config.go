package config

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// Config is the effective configuration. Load fills it from the environment; variables.go maps
// variables to fields.
type Config struct {
	NATS         NATSConfig
	Temporal     TemporalConfig
	DatabaseURL  Secret
	ServiceTitan ServiceTitanConfig
	// Tenants are those of the tenants file, or the one of the variables. It is empty for roles that
	// need no tenant.
	Tenants []Tenant
	// Defaults is the tenant of the variables. The tenants file takes from it what a tenant does not
	// set.
	Defaults Tenant
	Sync     SyncConfig
	Slack    SlackConfig
	Notify   NotifyConfig
	HTTP     HTTPConfig
	Log      LogConfig
	OTLP     OTLPConfig

	values map[string]Value // by variable, for `lazisync config`
}

// NATSConfig has the address and credentials of NATS.
type NATSConfig struct {
	URL         string // or several, separated by commas
	Creds       string // path of a credentials file, "" for none
	TLS         TLSConfig
	InboxPrefix string // of the subjects of replies
	Replicas    int    // of streams and consumers: 1, 3 or 5
	Domain      string // of JetStream, "" for that of the server
}

// TemporalConfig has the address, namespace and credentials of Temporal.
type TemporalConfig struct {
	Address   string // host:port
	Namespace string
	TaskQueue string // of workflows and slices
	APIKey    Secret // "" for none; one implies TLS
	TLS       TLSConfig
}

// ServiceTitanConfig has the addresses and limits of ServiceTitan, for all tenants.
type ServiceTitanConfig struct {
	Environment   Environment
	APIURL        string
	AuthURL       string
	WebhookHeader string
	// WebhookEncoding is the encoding of a webhook's signature: hex, base64 or "" for either.
	// WebhookEntities maps types of events to entities.
	WebhookEncoding string
	WebhookEntities map[string][]string
	TenantsFile     string
}

// Environment is one of ServiceTitan's environments.
type Environment string

const (
	Production  Environment = "production"
	Integration Environment = "integration"
)

// Tenant is a ServiceTitan tenant: its credentials, entities and schedules.
type Tenant struct {
	ID                events.TenantID
	ClientID          string
	ClientSecret      Secret
	AppKey            Secret
	RequestsPerSecond float64
	WebhookSecrets    []Secret // two during a rotation; none: no webhooks

	Entities            []string // of a request that names none
	ScheduleIncremental Cadence
	ScheduleFull        Cadence
	ScheduleVerify      Cadence
	MinInterval         time.Duration  // between the beginnings of two incremental passes, 0 for none
	Timezone            *time.Location // of the schedules, and of local times in views
	Channel             string         // for notifications of requests without a channel

	values map[string]Value // by field of the tenants file, for `lazisync config`
}

// Values are the effective values of the fields of the tenants file; nil without that file.
func (t Tenant) Values() map[string]Value { return t.values }

// SyncConfig has the limits of a sync.
type SyncConfig struct {
	RunDeadline time.Duration // of a run, without its pauses
	PauseLimit  time.Duration // of a pause
	StallLimit  time.Duration // of an entity that stores nothing because of errors
	SecondPass  time.Duration // after a webhook, 0 for none
	Freshness   Freshness
	DeleteGuard float64 // share of a table's live rows, above 0 and at most 1
	Views       bool    // whether migrate creates the views of schema st
	Changes     bool    // whether runs record changes of rows
	ChangesKeep time.Duration
	Fields      entity.FieldPolicy // of all tenants
	FieldsKey   Secret             // of its hashes, "" for none
}

// SlackConfig has the webhooks or the bot, and the options of notifications.
type SlackConfig struct {
	BotToken    Secret
	APIURL      string // of Slack's web API, for the bot
	WebhookURL  Secret
	WebhookURLs map[string]Secret // by channel
	Channel     string            // default channel, also for rejected commands
	FoldWindow  time.Duration     // 0 for none
	RunURL      string            // with {workflowId}, {runId} or {runNumber} in it
}

// NotifyConfig says where notifications go besides Slack.
type NotifyConfig struct {
	WebhookURL     Secret
	WebhookSecrets []Secret          // two while a key is being replaced
	URLs           map[string]Secret // of other services, by channel
	Routes         []NotifyRoute
}

// NotifyRoute sends notifications of a tenant and of some kinds to channels.
type NotifyRoute struct {
	Tenant   string // * for every tenant
	Kinds    []string
	Channels []string
}

// HTTPConfig has the addresses of the gateway and of the admin endpoints.
type HTTPConfig struct {
	Addr      string
	AdminAddr string // "" means the role's default
	Tokens    []APIToken
}

// LogConfig has the level and the format of the log.
type LogConfig struct {
	Level  zerolog.Level
	Format string // json or console
}

// OTLPConfig says which traces and metrics are exported to an OpenTelemetry collector.
type OTLPConfig struct {
	Endpoint   string            // base URL of the collector; "" exports nothing
	Protocol   string            // http/protobuf
	Headers    map[string]Secret // of every export
	Traces     string            // otlp or none
	Metrics    string            // otlp or none
	Disabled   bool              // exports nothing, whatever the other fields say
	Sampler    string            // one of Samplers
	SampleRate float64           // share of the traces, for the samplers that take a ratio
	// ServiceName is how the role is called in traces; "" for lazisync, followed by the role if
	// it runs alone. Attributes describe the process.
	ServiceName string
	Attributes  map[string]string
}

// ExportsTraces reports whether spans are created and exported.
func (c OTLPConfig) ExportsTraces() bool { return c.Endpoint != "" && !c.Disabled && c.Traces == OTLP }

// ExportsMetrics reports whether metrics are exported, besides being served to Prometheus.
func (c OTLPConfig) ExportsMetrics() bool {
	return c.Endpoint != "" && !c.Disabled && c.Metrics == OTLP
}

// Value is the effective value of a variable.
type Value struct {
	Text string `json:"text"` // secrets as ***
	From string `json:"from"` // "environment", "file …" or "default"
}
