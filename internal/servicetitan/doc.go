// Package servicetitan reads records from the ServiceTitan API: it authenticates,
// asks for one page of a list or export feed at a time, keeps within the budget
// of calls, and splits an answer into records that can be stored.
//
// The activities call it through an interface of their own. It knows nothing of
// workflows, events or PostgreSQL and imports only internal/entity.
//
// It does not retry: whoever calls it decides when to ask again, and every
// failure is an *Error that says whether that can help and how long to wait.
// The one exception is a 401, which is answered with a new token, once.
//
// A list that changed while its pages were read is read again, see
// docs/adr/0010-list-windows.md.
package servicetitan
