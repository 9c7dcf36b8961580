// Package stack starts what lazisync needs and nobody configured: PostgreSQL, NATS
// with JetStream, Temporal with its web page, a simulated ServiceTitan and a fake
// Slack, all on 127.0.0.1, with their data in one folder.
//
// lazisync-dev calls it, and so do the end-to-end tests, the fault tests and the recorder
// of histories. It does not run lazisync: it hands out the environment to run it with.
package stack
