// Package activities holds the steps of a run that touch the world: slices of
// pages, the ledger and the events. Workflows name them; the worker in
// internal/app gives them their dependencies through the small interfaces declared
// here.
//
// It is the only translator of errors to Temporal (errors.go): what must be tried
// again, when, and what never. It must not import a driver or an adapter.
package activities
