package simulator

import (
	"time"

	"github.com/rs/zerolog"
)

// What a client must know to be let in, unless Options say otherwise.
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
	Seed   int64 // the same seed makes the same records
	Tenant int64

	ClientID, ClientSecret, AppKey string
	WithoutScopes                  []string // scopes that the app was not granted, such as tn.jpm.jobs:r

	RecordsPerEntity int            // customers, jobs, invoices and estimates each; 1,000 unless set
	Records          map[string]int // by entity, where it differs; 200 of all others
	Busy             []string       // entities that Mutate and Run change; those four unless set

	Lag               time.Duration // how long the API shows nothing of a change, while its webhook is on the way at once
	FeedLag           time.Duration // how long a change stays out of an export that does not ask for recent ones; 15 min
	FeedTokenLifetime time.Duration // of a continueFrom token; without end unless set
	ExportPageSize    int           // 1,000; the real size is not documented
	TokenLifetime     time.Duration // of an access token; 900 s
	RequestsPerSecond int           // 60 calls per app and tenant; negative is no limit
	RequestLog        int           // how many of the last calls the statistics list; 10,000

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
