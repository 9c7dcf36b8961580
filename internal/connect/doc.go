// Package connect opens the adapters as configured. It is the only package that translates
// the configuration into the options with which they connect.
//
// internal/app calls it for the roles and internal/commands for the commands. It has no
// logic of its own and must not import either of them.
package connect
