// Package app runs the roles of lazisync in one process: which parts a role has, when it is
// ready, and how it stops. It has no business logic.
//
// cmd/lazisync and the dev module call it. Read role.go for what runs, app.go for how it
// starts and stops, and one file for each role.
package app
