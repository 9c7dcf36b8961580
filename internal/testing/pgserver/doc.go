// Package pgserver runs a private PostgreSQL for development and tests: it finds
// the binaries on the machine, creates a cluster, starts it on 127.0.0.1 with a
// password, and stops it so that no process is left.
//
// PostgreSQL refuses to run as root and developers often are: then it runs as
// the account "postgres" or "nobody", and when that account cannot reach the
// folder asked for, the data lies in a folder of the system's temporary
// directory instead; see [Options.Dir].
//
// lazisync-dev and the test helper pgtest call it. It uses the standard library
// alone, knows nothing of lazisync's tables and is never part of production.
package pgserver
