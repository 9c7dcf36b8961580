// Package workflows has the Temporal workflows: which entities a run reads when, what a pause
// or a cancel does, and when the run ends. Workflow code is deterministic: side effects are
// activities, and configuration is input.
//
// The worker registers the workflows; the bridge starts and signals them by the names and IDs
// in api.go. The package imports the activities for their names and inputs, and must not
// import a driver.
package workflows
