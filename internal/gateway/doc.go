// Package gateway is the way in over HTTP: ServiceTitan's webhooks, the REST API,
// live events and the dashboard page.
//
// It does no business of its own. What changes something becomes an event, checked
// by the events catalogue and published before the answer; what is shown comes from
// the ledger. routes.go lists everything that is served.
//
// internal/app builds and runs it. The package imports events, schemas and internal/ledger,
// and must not import a database driver, a NATS client or Temporal: whoever builds
// a Gateway hands in small interfaces and functions.
package gateway
