// Package store keeps the copy of ServiceTitan and the ledger in PostgreSQL. It is
// the only package with SQL and with pgx.
//
// The bridge, the activities, the gateway and the command line reach it through
// small interfaces of their own. It speaks in the values of internal/ledger, events and
// internal/entity and must import neither another adapter nor Temporal or NATS.
//
// The order of locks, which every transaction keeps and which is why none of them
// deadlocks: a workflow's advisory lock, requests, the run, a table's advisory
// lock, the run's cursor in the table, the table's sync_state, its rows by id.
// The sync_state row is held while a page is stored, so that pages of one tenant
// and entity are stored one after another and the counts are exact.
package store
