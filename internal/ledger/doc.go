// Package ledger defines the domain types that packages share: requests, controls, runs,
// positions and outcomes, which the tables of the ledger store, and the workflows and schedules
// behind them. The ledger decides what was requested, what serves it and how it ended; events
// and signals only report it.
//
// The bridge, the activities, the gateway and the adapters exchange these types, so that none
// imports another. The package imports events, because a run creates its own events, and
// internal/entity. It must not import a driver.
package ledger
