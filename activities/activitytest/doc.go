// Package activitytest has in-memory fakes of what activities use: a ServiceTitan API, a ledger
// with its pages, and an event stream. They record calls and inject faults, so that tests of
// activities and workflows run the real activities.
//
// Tests import it. It imports activities, events, internal/entity and internal/ledger,
// and no part of the product may import it.
package activitytest
