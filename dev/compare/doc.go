// Package compare proves that PostgreSQL holds what ServiceTitan has: it reads the
// memory of the simulated ServiceTitan through its admin endpoint, which lazisync's
// client never uses, and every row of the tables, and compares them value by value.
//
// The demo and the end-to-end tests call it.
package compare
