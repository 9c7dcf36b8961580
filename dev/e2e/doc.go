// Package e2e contains the end-to-end tests. They run the production build with real NATS,
// Temporal and PostgreSQL servers, a simulated ServiceTitan and a fake Slack.
//
// Each test has its own NATS server, database, tenant and task queue. PostgreSQL and Temporal
// are shared, except by tests that stop them. Tests observe lazisync as other systems do:
// through events, tables and the simulator's list of calls.
package e2e
