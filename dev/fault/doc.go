// Package fault holds the fault tests: lazisync's roles and every server around them
// are processes of their own, and are killed, frozen, cut off, starved and wiped while
// they work. Afterwards one oracle judges all that can be seen: no accepted request is
// lost, none is answered or served twice, PostgreSQL equals ServiceTitan.
//
// Each test is a row of the fault matrix, and its name begins with the row's number. A
// few quick ones run with every test run; the rest has the build tag fault, and those
// that need root the tag privileged too. "make fault" runs them all and prints a table;
// "make chaos SEED=n MINUTES=m" kills at random.
//
// The test binary is also the servers: started again with an environment variable it is
// a nats-server or a Temporal server. lazisync is built with the tag failpoint, and where
// two versions meet once more, with changed workflows.
package fault
