// Package bridge consumes commands, starts and signals workflows, answers each command and
// reconciles after crashes.
//
// A sync.requested is recorded in the ledger, given to Temporal, marked as accepted,
// answered with sync.accepted and only then acknowledged. If a process crashes in between,
// JetStream redelivers the message and processing resumes from the state in the ledger. A
// sync.control becomes a signal. A command that can never succeed goes to the dead-letter
// stream and is answered with sync.rejected; so does a command that exceeds its maximum
// number of deliveries. The reconciler repairs what crashes leave: requests that were never
// given to Temporal, runs whose workflow closed without an outcome, unpublished outcomes.
//
// The table of modes (events.Modes) and routes.go map each mode to its workflow and each
// action to its signal.
//
// internal/app wires the role and passes NATS, the ledger and Temporal through the
// interfaces of ports.go. The package imports events, workflows and internal/ledger; it must
// not import a driver or an adapter.
package bridge
