// Command record runs every workflow on a real Temporal server and writes the
// histories of what happened, for the replay tests of packages workflows and legacy:
//
//	go run ./record
//
// With -only FullSync it plays the stories whose names begin so, and the first of all,
// which incremental syncs go on from.
//
// Workflows that are under way when a new version is deployed go on in it, so a
// history, once its code was released, must replay in every later version. Record from
// the released code, never from a branch, with a higher -version when a workflow was
// changed behind workflow.GetVersion, and leave the files of earlier versions alone.
package main
