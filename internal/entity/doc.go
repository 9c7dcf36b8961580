// Package entity is the catalogue of what can be synced, as data, and the few
// values that travel between the ServiceTitan client and the store: Cursor,
// Page and Record.
//
// Everybody who names an entity imports it; it imports nothing of this module,
// so that adapters can share these values without knowing each other.
package entity
