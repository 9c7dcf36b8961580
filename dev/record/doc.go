// Command record runs every workflow on a real Temporal server and writes the histories, for the
// replay tests of packages workflows and legacy:
//
//	go run ./record
//
// With -only FullSync it runs the recordings whose names begin so, and the first recording, which
// incremental syncs need.
//
// A workflow that runs while a new version is deployed continues in that version. A history must
// therefore replay in every version after the one whose code recorded it. Record with the released
// code, never with a branch, and with a higher -version if a workflow changed behind
// workflow.GetVersion. Do not change the files of earlier versions.
package main
