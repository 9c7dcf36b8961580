// Package contract has one test suite for each port that has an in-memory implementation in package
// internal/testing/memory beside the real adapter. A suite carries out the same random sequences of
// calls on both and compares every result and the kind of every error, so that no test of the bridge,
// the activities or the workflows relies on what the adapter does not do.
//
// The tests of the adapters call it, with real servers. A failure is reduced to a short script, which
// is printed with the seed that repeats it: -rapid.seed. No part of the product may import it.
package contract
