// Package temporal is the adapter for Temporal and the only package that uses Temporal's
// client: it starts, signals and describes workflow executions, applies and controls
// schedules, lists workflows, identifies the namespace and observes a worker's polls.
//
// A Client implements the Temporal interfaces that the bridge and the gateway declare. The
// commands, the doctor and the wiring call it directly. The package imports events, ledger
// and workflows; it must not import the configuration or another adapter.
package temporal
