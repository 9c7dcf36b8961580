// Package app configures and wires every role of lazisync. It is the one place
// where the adapters meet: roles are built here from the configuration, given what
// they need through their own small interfaces, run and stopped in order.
//
// cmd/lazisync calls it for production, the dev module for the embedded stack and
// the end-to-end tests. It holds no business logic.
package app
