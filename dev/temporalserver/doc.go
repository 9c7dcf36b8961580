// Package temporalserver runs the Temporal server in this process, on 127.0.0.1, with its data
// in one SQLite file or on PostgreSQL. It is the server that clusters run, with all four services.
//
// lazisync-dev and the tests of this module call it. Package temporalui runs its web UI.
package temporalserver
