// Package gateway serves HTTP: webhooks from ServiceTitan, the REST API, live events and the
// dashboard page.
//
// A command becomes an event, which is validated and published before the response. What is
// displayed comes from the ledger. routes.go lists all routes.
//
// internal/app builds and runs it. The package imports events, schemas, internal/entity,
// internal/ledger and internal/probe. It must not import a database driver, a NATS client or
// Temporal: it receives them as small interfaces and functions.
package gateway
