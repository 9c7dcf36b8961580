// Package compare compares PostgreSQL with the simulated ServiceTitan, value by value. It reads
// all records from the simulator's admin route, which lazisync does not use, and all rows of
// the tables.
//
// The demo and the end-to-end tests call it.
package compare
