// Package postgres starts PostgreSQL with the programs on this machine, and where
// there are none fetches them first, with fergusstrange/embedded-postgres from
// Maven Central. If that fails too the error says what to install.
//
// lazisync-dev calls it. Running the server is internal/testing/pgserver's work.
package postgres
