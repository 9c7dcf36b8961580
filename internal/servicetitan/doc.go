// Package servicetitan is a client of the ServiceTitan API. It authenticates, reads one page
// of a list or export feed at a time, keeps within the rate limit, and splits a response
// into records that can be stored.
//
// The activities call it through their own interface. It knows nothing of workflows
// or PostgreSQL and imports no other adapter.
//
// The client does not retry. Each failure is an *Error that says whether a retry can help
// and how long to wait; the caller decides. There are two exceptions: a 401 is retried once
// with a new token, and a 204 is requested once more.
//
// A list that changed while its pages were read is read again; see
// docs/adr/0010-list-windows.md.
package servicetitan
