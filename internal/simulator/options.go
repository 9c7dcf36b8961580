package simulator

import (
	"time"

	"github.com/rs/zerolog"
)

// Default credentials of a client.
const (
	DefaultTenant       = 1039746210
	DefaultClientID     = "cid.simulated"
	DefaultClientSecret = "cs1.simulated"
	DefaultAppKey       = "ak1.simulated"
)

// DefaultWebhookHeader is the header with the signature of a webhook.
const DefaultWebhookHeader = "x-servicetitan-signature"

// Options configure a Simulator. The zero value is valid.
type Options struct {
	Seed   int64 // equal seeds generate equal records
	Tenant int64

	ClientID, ClientSecret, AppKey string
	WithoutScopes                  []string // scopes that the app was not granted, such as tn.jpm.jobs:r

	RecordsPerEntity int            // of customers, jobs, invoices and estimates; default 1,000
	Records          map[string]int // by entity, overrides RecordsPerEntity and the 200 of other entities
	Busy             []string       // entities that Mutate and Run change; default: those four

	Lag               time.Duration // until the API shows a change, whose webhook is sent immediately
	FeedLag           time.Duration // until an export without recent changes shows a change; default 15 min
	FeedTokenLifetime time.Duration // of a continueFrom token; default unlimited
	ExportPageSize    int           // default 1,000; the real size is not documented
	TokenLifetime     time.Duration // of an access token; default 900 s
	RequestsPerSecond int           // per app and tenant; default 60, negative for no limit
	RequestLog        int           // number of latest calls in the statistics; default 10,000

	Now    func() time.Time // the clock of the API and of the records
	Logger zerolog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.Tenant, DefaultTenant)
	setDefault(&o.ClientID, DefaultClientID)
	setDefault(&o.ClientSecret, DefaultClientSecret)
	setDefault(&o.AppKey, DefaultAppKey)
	setDefault(&o.RecordsPerEntity, 1000)
	setDefault(&o.FeedLag, 15*time.Minute)
	setDefault(&o.ExportPageSize, 1000)
	setDefault(&o.TokenLifetime, 900*time.Second)
	setDefault(&o.RequestsPerSecond, 60)
	setDefault(&o.RequestLog, 10_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](option *T, value T) {
	var unset T
	if *option == unset {
		*option = value
	}
}

// fewRecords is the default number of records of most entities, which is more than one page
// of default size.
const fewRecords = 200

// count returns the number of initial records of an entity.
func (o Options) count(k *kind) int {
	if n, ok := o.Records[k.name]; ok {
		return n
	}
	if k.core {
		return o.RecordsPerEntity
	}
	return fewRecords
}
