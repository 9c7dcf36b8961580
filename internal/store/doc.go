// Package store is the PostgreSQL adapter: the copy of ServiceTitan's records and the ledger.
// It is the only package of the product with SQL and pgx, with its helper ddl and the
// removable legacy/adoption.
//
// The bridge, the activities, the gateway and the command line call it through small
// interfaces of their own. Arguments and results are values of internal/ledger, events and
// internal/entity. It must not import another adapter, Temporal or NATS.
//
// File names begin with the concern: conn (connections, errors, retries), schema
// (migrations, tables, columns), request, run, state (cursors and resume points), page,
// rebuild, rate (leases of API calls) and sql (parameters).
//
// Every transaction takes its locks in this order, which is why none of them deadlocks: the
// advisory lock of a workflow, requests, the run, the advisory lock of a table, the run's
// cursor in the table, the table's row of raw.sync_state, rows of the table by id. A page
// holds the row of raw.sync_state, so that pages of one tenant and entity are stored one after
// another and the counts are exact.
package store
