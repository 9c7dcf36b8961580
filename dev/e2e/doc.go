// Package e2e holds the end-to-end tests: the program as it is built for production,
// on a real NATS, Temporal and PostgreSQL, with a simulated ServiceTitan and a fake
// Slack. An event goes in, rows and events come out.
//
// Each test has a world of its own: a NATS server, a database, a tenant, a task queue.
// PostgreSQL and Temporal are started once for all of them, except for the tests that
// stop them. What lazisync did is read where other systems would read it: in the
// events on NATS, in the tables, in the simulated ServiceTitan's list of calls.
package e2e
