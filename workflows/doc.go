// Package workflows orders the work: which entities are read when, what a pause
// or a cancel does, and when a run is over. It is deterministic: everything that
// touches the world is an activity, everything from the configuration is input.
//
// The worker registers the workflows, the bridge starts and signals them by the
// names and IDs of api.go. The package imports the activities for their names and
// inputs, and must not reach a driver.
package workflows
