// Package bouncer runs a private PgBouncer in front of a PostgreSQL server, for tests.
// Whatever a test does not set is as PgBouncer's defaults have it.
//
// Tests with the build tag pgbouncer call it. It uses the standard library and
// internal/testing/pgserver alone and is never part of production.
package bouncer
