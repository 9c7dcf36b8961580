package config

import (
	"time"

	"github.com/rs/zerolog"
)

// Config is the effective configuration. Load fills it from the environment;
// variables.go says which variable fills which field.
type Config struct {
	NATS         NATSConfig
	Temporal     TemporalConfig
	DatabaseURL  Secret
	ServiceTitan ServiceTitanConfig
	// Tenants are those of the tenants file, else the one that the variables describe;
	// none where a role needs none.
	Tenants []Tenant
	// Defaults is the tenant that the variables describe. The tenants file takes from it
	// what a tenant does not set.
	Defaults Tenant
	Sync     SyncConfig
	Slack    SlackConfig
	HTTP     HTTPConfig
	Log      LogConfig

	values map[string]Value // by variable, for `lazisync config`
}

// NATSConfig says how to reach JetStream.
type NATSConfig struct {
	URL         string
	Creds       string // path of a credentials file
	TLS         TLSConfig
	InboxPrefix string
}

// TemporalConfig says how to reach Temporal.
type TemporalConfig struct {
	Address   string
	Namespace string
	TaskQueue string
	APIKey    Secret
	TLS       TLSConfig
}

// ServiceTitanConfig says how to reach ServiceTitan, for all tenants.
type ServiceTitanConfig struct {
	Environment   Environment
	APIURL        string
	AuthURL       string
	WebhookHeader string
	// WebhookEncoding is how a webhook's signature is written: hex, base64 or "" for
	// either. WebhookEntities ties types of events to entities.
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

// Tenant is one ServiceTitan tenant: how to read it, and what is synced when.
type Tenant struct {
	ID                string
	ClientID          string
	ClientSecret      Secret
	AppKey            Secret
	RequestsPerSecond float64
	WebhookSecrets    []Secret // two while a key is being rotated; none: no webhooks

	Entities            []string // of a request that names none
	ScheduleIncremental string   // cron; "off" for none
	ScheduleFull        string
	Timezone            *time.Location // of the schedules
	Channel             string         // for notifications of requests without a channel

	values map[string]Value // by field of the tenants file, for `lazisync config`
}

// Values say how each field of the tenants file took effect; nil without a tenants file.
func (t Tenant) Values() map[string]Value { return t.values }

// SyncConfig says how long a sync may take, and what it may do.
type SyncConfig struct {
	RunDeadline time.Duration
	PauseLimit  time.Duration
	StallLimit  time.Duration
	SecondPass  time.Duration // after a webhook, 0 for none
	DeleteGuard float64       // share of a table's live rows
}

// SlackConfig says where notifications go.
type SlackConfig struct {
	WebhookURL  Secret
	WebhookURLs map[string]Secret // by channel
	Channel     string            // default channel, also for rejected commands
	FoldWindow  time.Duration     // 0 for none
	RunURL      string            // with {workflowId}, {runId} or {runNumber} in it
}

// HTTPConfig says where the gateway and the admin endpoints listen.
type HTTPConfig struct {
	Addr      string
	AdminAddr string            // "" means the role's default
	Tokens    map[string]Secret // bearer tokens by name
}

// LogConfig says what is logged, and how it looks.
type LogConfig struct {
	Level  zerolog.Level
	Format string // json or console
}

// Value is one variable as it took effect.
type Value struct {
	Text string // secrets as ***
	From string // "environment", "file …" or "default"
}
