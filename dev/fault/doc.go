// Package fault contains the fault tests. lazisync's roles and all servers are separate
// processes. The tests kill, freeze, disconnect, starve and wipe them during syncs, or cut the
// power of their disk. Then one oracle checks everything that is observable: no accepted request
// is lost, none is answered or served twice, PostgreSQL equals ServiceTitan. It also checks the
// order of all changes of the ledger, which package recording records.
//
// Each test is a row of the fault matrix; its name begins with the number of the row. Those without the
// build tag fault take at most about two minutes, and are part of "make test-all". The tag privileged
// means that a test needs root. "make fault" runs all and prints a table, except row 71, which builds the
// latest release (-tags fault,git). "make chaos SEED=n MINUTES=m" injects random faults.
//
// The test binary is also the servers: with an environment variable it runs as nats-server, as
// Temporal or as the stack of lazisync-dev. lazisync is built with the tag failpoint, and again
// with changed workflows for tests with two versions.
package fault
