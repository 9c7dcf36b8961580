// Package pgtest gives each test its own database on a real PostgreSQL. The server is
// TEST_DATABASE_URL, if that is set, or else one that the test process starts on first use. That
// server and its data are removed when the process ends for any reason, so packages need no
// TestMain for it.
//
// Tests may run in parallel, each in its own database. Tests of any package call it. No production
// package may import it.
package pgtest
