// Package cli is what the commands of lazisync do and print: it publishes requests and
// controls, follows a request to its outcome, shows status, dead letters, schedules,
// entities and configuration, and migrates.
//
// cmd/lazisync parses the command line and calls it; internal/app opens the connections,
// which the package knows as small interfaces. It imports no driver and no role.
package cli
