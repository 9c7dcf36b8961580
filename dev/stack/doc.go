// Package stack starts the servers that lazisync needs and that are not configured:
// PostgreSQL, NATS with JetStream, Temporal with its web UI, a simulated ServiceTitan and a
// fake Slack, all on 127.0.0.1, with their data in one folder.
//
// lazisync-dev, the end-to-end tests, the fault tests and the recorder of histories call it.
// It does not run lazisync; Environ returns the environment to run it with.
package stack
