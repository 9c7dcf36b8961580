// Package testcerts makes certificates for the tests of encrypted connections: an
// authority, a server at 127.0.0.1, and a client. They are good for an hour.
package testcerts
