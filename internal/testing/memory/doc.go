// Package memory has in-memory implementations of the ports of the bridge and the activities: the
// ledger, the event stream and Temporal. They follow the rules of the real adapters; the suites of
// package internal/testing/contract carry out the same operations on both and compare the results.
//
// Tests of the bridge, the activities and the workflows import it. It imports events, workflows,
// internal/entity and internal/ledger, and no part of the product may import it.
package memory
