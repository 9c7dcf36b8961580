package bridge

import (
	"context"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
	"github.com/rs/zerolog"
)

const (
	// parallelCalls is how many Temporal calls and settlements of one batch go on at once.
	parallelCalls = 8
	// outageAfter is how many calls of one batch fail, and none succeeds, until the
	// others are not tried.
	outageAfter = 4

	defaultGrace = 30 * time.Second
	defaultKeep  = 90 * 24 * time.Hour
	pruneEvery   = 24 * time.Hour
)

// Tenant is a configured tenant, with what holds where a request does not say.
type Tenant struct {
	ID       string
	Entities []string
	Channel  string
}

// Options are what a bridge is made of. Those without a default are required.
type Options struct {
	Ledger    Ledger
	Publisher Publisher
	Temporal  Temporal
	History   History // of the event stream; nil where run numbers need no comparison
	Logger    zerolog.Logger

	Tenants       []Tenant         // configured tenants; a request needs to name one only where there are several
	KnownEntities []string         // every entity there is, in catalogue order
	Limits        workflows.Limits // of the runs, default workflows.DefaultLimits

	// RetryDelay is how long to leave a message that was delivered so many times.
	RetryDelay func(deliveries uint64) time.Duration

	// Grace is how long a request may be unknown to Temporal before the reconciler
	// calls again, and a control may name a request that has not come. Default 30 s.
	Grace time.Duration
	// SecondPass is how long after a webhook its entities are read once more, 0 for
	// never.
	SecondPass time.Duration
	// Keep is how long the ledger remembers what was decided. Default 90 days.
	Keep time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time

	// VerifyNamespace fails where Temporal answers with another namespace than the one whose workflows
	// the ledger describes. Nothing is started, signalled or finalized then. Default: it is ours.
	VerifyNamespace func(ctx context.Context) error
	// VerifyNamespaceNow is VerifyNamespace without a cached answer: what Temporal said of a workflow may have come
	// from a server that took the place of another a moment ago. Default: VerifyNamespace.
	VerifyNamespaceNow func(ctx context.Context) error

	// OnAnswer is called with every answer given, one of Answers.
	OnAnswer func(kind events.Kind, answer string)
	// OnReconcile is told what the reconciler had to do, and how often.
	OnReconcile func(what string, times int)
}

// Bridge turns events into Temporal calls.
type Bridge struct {
	Options
	pruned time.Time // when the ledger was pruned last; the reconciler's alone
}

// New makes a bridge. It connects to nothing.
func New(o Options) *Bridge {
	if o.Limits == (workflows.Limits{}) {
		o.Limits = workflows.DefaultLimits
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.VerifyNamespace == nil {
		o.VerifyNamespace = func(context.Context) error { return nil }
	}
	if o.VerifyNamespaceNow == nil {
		o.VerifyNamespaceNow = o.VerifyNamespace
	}
	if o.OnAnswer == nil {
		o.OnAnswer = func(events.Kind, string) {}
	}
	if o.OnReconcile == nil {
		o.OnReconcile = func(string, int) {}
	}
	return &Bridge{Options: o}
}
