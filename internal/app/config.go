package app

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/servicetitan"
)

// Config is the effective configuration. Load fills it from the environment;
// variables.go says which variable fills which field.
type Config struct {
	NATS         NATSConfig
	Temporal     TemporalConfig
	DatabaseURL  Secret
	ServiceTitan ServiceTitanConfig
	Sync         SyncConfig
	Slack        SlackConfig
	HTTP         HTTPConfig
	Log          LogConfig

	values map[string]Value // by variable, for `lazisync config`
}

// NATSConfig says how to reach JetStream.
type NATSConfig struct {
	URL   string
	Creds string // path of a credentials file
}

// TemporalConfig says how to reach Temporal.
type TemporalConfig struct {
	Address   string
	Namespace string
	TaskQueue string
	APIKey    Secret
	TLS       bool
	TLSCA     string
	TLSCert   string
	TLSKey    string
	TLSServer string
}

// ServiceTitanConfig says which tenant to read, and how.
type ServiceTitanConfig struct {
	Environment       servicetitan.Environment
	APIURL            string
	AuthURL           string
	TenantID          string
	ClientID          string
	ClientSecret      Secret
	AppKey            Secret
	RequestsPerSecond float64
	WebhookSecrets    []Secret // two while a key is being rotated
	WebhookHeader     string
}

// SyncConfig says what is synced when, and how long it may take.
type SyncConfig struct {
	Entities            []string
	ScheduleIncremental string // cron; "off" for none
	ScheduleFull        string
	Timezone            *time.Location
	RunDeadline         time.Duration
	PauseLimit          time.Duration
	SecondPass          time.Duration // after a webhook, 0 for none
	DeleteGuard         float64       // share of a table's live rows
}

// SlackConfig says where notifications go.
type SlackConfig struct {
	WebhookURL  Secret
	WebhookURLs map[string]Secret // by channel
	Channel     string
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
