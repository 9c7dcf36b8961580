// Package activitytest is the world that activities touch, in memory: a ServiceTitan,
// a ledger with its pages and an event stream. They remember what happened to them and
// take faults, so that tests of activities and workflows run the real steps.
//
// Tests import it. It imports activities, events, internal/entity and internal/ledger,
// and no part of the product may import it.
package activitytest
