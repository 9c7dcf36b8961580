// Package pgtest gives tests databases of their own on a real PostgreSQL.
//
// The server is TEST_DATABASE_URL if that is set, else one that the test process
// starts on first use; that one ends, with its data, when the process ends,
// however it ends, so that packages need no TestMain for it. Tests may run in
// parallel, each in its own database.
//
// Tests of any package call it. Nothing that is shipped may import it.
package pgtest
