package bridge

import (
	"cmp"
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

const (
	// parallelCalls is how many Temporal calls of one batch run at once.
	parallelCalls = 8
	// outageThreshold is how many calls of one batch must fail, and none succeed, before
	// the remaining calls are skipped.
	outageThreshold = 4

	defaultGrace       = 30 * time.Second
	defaultKeep        = 90 * 24 * time.Hour
	defaultKeepChanges = 30 * 24 * time.Hour
)

// Tenant is a configured tenant with the defaults of its requests.
type Tenant struct {
	ID       events.TenantID
	Entities []string
	Channel  string
	Parallel int // entities that a run reads at once; 0 for Options.Limits
}

// Options configure a Bridge. Fields without a default are required.
type Options struct {
	Ledger    Ledger
	Publisher Publisher
	Temporal  Temporal
	History   History // the event stream; nil to skip the comparison of run numbers
	Logger    zerolog.Logger

	Tenants       []Tenant         // a request must name its tenant if there are several
	KnownEntities []string         // names of all entities, in catalogue order
	Limits        workflows.Limits // of runs; default workflows.DefaultLimits

	// RetryDelay returns the redelivery backoff after the nth delivery.
	RetryDelay func(deliveries uint64) time.Duration

	// Grace is how long a request may be unknown to Temporal before the reconciler starts
	// its workflow, and how long a control may wait for its request. Default 30 s.
	Grace time.Duration
	// SecondPass is how long after a webhook its entities are read once more; 0 for never.
	SecondPass time.Duration
	// Keep is how long the ledger keeps finalized rows. Default 90 days.
	Keep time.Duration
	// KeepChanges is how long recorded changes of rows are kept. Default 30 days.
	KeepChanges time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Freshness reports entities that are too old; nil to report none.
	Freshness *Freshness

	// Restores detects restores of NATS and Temporal; nil to detect none.
	Restores *Restores

	// VerifyNamespace returns an error if Temporal answers with another namespace than the
	// one that the ledger belongs to. Nothing is started, signalled or finalized then.
	// Default: no check.
	VerifyNamespace func(ctx context.Context) error
	// VerifyNamespaceNow is VerifyNamespace without a cached result. It runs before a run is
	// finalized, because the status of its workflow may come from a server that was replaced
	// a moment ago. Default: VerifyNamespace.
	VerifyNamespaceNow func(ctx context.Context) error

	// Recorder records answers and repairs. Default: none.
	Recorder Recorder
}

// Bridge consumes commands and starts and signals workflows. Its methods are safe for
// concurrent use, except that only one reconciler may run.
type Bridge struct {
	Options
	pruned     time.Time // when the reconciler last pruned the ledger
	targetsSet bool      // the reconciler has stored Freshness.Targets
}

// New creates a bridge. It makes no connection.
func New(o Options) *Bridge {
	o.Limits = cmp.Or(o.Limits, workflows.DefaultLimits)
	o.Grace = cmp.Or(o.Grace, defaultGrace)
	o.Keep = cmp.Or(o.Keep, defaultKeep)
	o.KeepChanges = cmp.Or(o.KeepChanges, defaultKeepChanges)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.VerifyNamespace == nil {
		o.VerifyNamespace = func(context.Context) error { return nil }
	}
	if o.VerifyNamespaceNow == nil {
		o.VerifyNamespaceNow = o.VerifyNamespace
	}
	if o.Recorder == nil {
		o.Recorder = nopRecorder{}
	}
	return &Bridge{Options: o}
}
