// Package activities has the Temporal activities: they read and store slices of pages, begin
// and finalize runs in the ledger, and publish events. Workflows refer to them by name; the
// worker in internal/app injects their dependencies through the interfaces declared here.
//
// The package alone maps errors to Temporal's (errors.go): which are retried, when, and which
// never. It must not import a driver or an adapter.
package activities
