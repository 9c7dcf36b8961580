// Package pgserver runs a private PostgreSQL for development and tests: it finds the binaries on
// the machine, creates a cluster, starts it on 127.0.0.1 with a password, and stops it without
// leaving processes behind.
//
// PostgreSQL does not run as root. If the user is root, PostgreSQL runs as the account "postgres",
// or else as the unprivileged account of the system. If that account cannot access the requested
// folder, the data is in a folder of the system's temporary directory; see [Options.Dir].
//
// lazisync-dev and the test helper pgtest call it. It imports only the standard library, knows
// nothing of lazisync's tables and is not part of production.
package pgserver
