// Package entity is the catalogue of the entities that can be synced, and the few values that the
// ServiceTitan client and the store exchange: Cursor, Page and Record.
//
// It imports nothing of this module, so that adapters can share these values without importing
// each other.
package entity
