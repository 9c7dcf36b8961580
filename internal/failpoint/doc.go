// Package failpoint lets a process die, or freeze, between two chosen steps.
//
// The steps of a promise are marked with Hit where one follows the other: a page read
// and a page stored, a workflow started and its message acknowledged. In a normal build
// Hit is empty and costs nothing. In one with the build tag failpoint the environment
// variable LAZISYNC_FAILPOINT names the step at which the process gets a signal:
//
//	LAZISYNC_FAILPOINT=bridge/started          SIGKILL at the first hit
//	LAZISYNC_FAILPOINT=worker/page-stored:3    at the third
//	LAZISYNC_FAILPOINT=worker/page-read:2=stop SIGSTOP instead: SIGCONT resumes it
//
// The bridge, the activities and the adapters call it; the fault tests in dev build with
// the tag and set the variable. Workflow code must never contain one: it is replayed, and
// would die again at each replay. The package imports nothing of ours.
package failpoint

// Variable names the environment variable.
const Variable = "LAZISYNC_FAILPOINT"
