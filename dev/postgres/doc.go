// Package postgres starts PostgreSQL with the installed programs. If there are none, it
// downloads them with fergusstrange/embedded-postgres from Maven Central. If that fails, too,
// the error says what to install.
//
// lazisync-dev calls it. internal/testing/pgserver runs the server.
package postgres
