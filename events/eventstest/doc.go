// Package eventstest makes events as a later version of lazisync may send them, for tests
// of whatever reads events: every reader must take them. It is called by tests alone and
// imports only events and schemas.
package eventstest
