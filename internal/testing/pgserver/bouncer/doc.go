// Package bouncer runs a private PgBouncer in front of a PostgreSQL server, for tests. Settings
// that a test does not set have PgBouncer's defaults. Tests with the build tag pgbouncer call it.
// It uses only the standard library and internal/testing/pgserver and is not part of production.
package bouncer
