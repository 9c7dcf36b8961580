// Package bridge turns events into Temporal calls and answers each of them.
//
// A sync.requested is written to the ledger, given to Temporal, marked as
// accepted, answered with sync.accepted and only then acknowledged; whatever
// dies on the way, the redelivered message goes on where the ledger stands. A
// sync.control becomes a signal. What can never succeed is parked as a dead
// letter and answered with sync.rejected; so is what JetStream gives up on because
// nobody settled it. The reconciler mends what was left in
// between: requests that Temporal never heard of, runs whose workflow ended
// without an outcome, outcomes that nobody published.
//
// routes.go and the table of modes (events.Modes) are the whole translation from event to Temporal.
//
// The role that runs it is wired in internal/app, which passes the stream, the
// ledger and Temporal through the interfaces of ports.go. The package imports
// events, workflows and internal/ledger; it must not import a driver of NATS or
// PostgreSQL, nor another adapter.
package bridge
