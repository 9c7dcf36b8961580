// Package commands gives the commands of lazisync what they work with: the connections of
// internal/cli, the checks of internal/doctor and the steps of migrate.
//
// cmd/lazisync and the dev module call it. What the commands do and print is in internal/cli
// and internal/doctor; this package must not import internal/app.
package commands
