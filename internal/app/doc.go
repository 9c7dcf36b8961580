// Package app runs the roles of lazisync in one process: which parts a role has, what they
// are connected to, when it is ready, and how it stops. It is the only package that
// translates the configuration into the options of the adapters, and the only one where
// they meet. It has no business logic.
//
// cmd/lazisync and the dev module call it. Read role.go for what runs, app.go for how it
// starts and stops, and one file for each role.
package app
