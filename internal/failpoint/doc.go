// Package failpoint lets a process die, freeze or wait between two chosen steps, or hear an error
// after an effect that took place.
//
// The steps of a promise are marked with Hit where one follows the other: a page read
// and a page stored, a workflow started and its message acknowledged. The effects on another system
// are followed by Error, with an error that the system's client returns if the answer is lost. In a
// normal build both are empty and cost nothing. In one with the build tag failpoint the environment
// variable LAZISYNC_FAILPOINT says what happens at which steps:
//
//	LAZISYNC_FAILPOINT=bridge/started             SIGKILL at the first hit
//	LAZISYNC_FAILPOINT=worker/page-stored:3       at the third
//	LAZISYNC_FAILPOINT=worker/page-read:2=stop    SIGSTOP instead: SIGCONT resumes it
//	LAZISYNC_FAILPOINT=nats/published:*5=error    every fifth publish is done, and returns an error
//	LAZISYNC_FAILPOINT=a/step=sleep,b/step=error  wait a second at one, return an error at another
//
// The bridge, the activities and the adapters call it; the fault tests in dev build with
// the tag and set the variable. Workflow code must never contain one: it is replayed, and
// would die again at each replay. The package imports nothing of ours.
package failpoint

import "errors"

// ErrLost is the error of an effect that no client reports: its caller hears it in place of the result.
var ErrLost = errors.New("the answer is lost")

// Variable names the environment variable.
const Variable = "LAZISYNC_FAILPOINT"
