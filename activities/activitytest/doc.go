// Package activitytest has what activities use, in memory: a ServiceTitan API, a ledger with its pages,
// and an event stream. They record calls and inject faults, so that tests of activities and workflows
// run the real activities. The ledger and the stream are those of package internal/testing/memory.
//
// Tests import it. It imports activities, events, internal/entity, internal/ledger and
// internal/testing/memory, and no part of the product may import it.
package activitytest
