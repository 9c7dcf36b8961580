// Package conformance runs the real client, the real slices of a sync and the real
// store against the simulated ServiceTitan, for every entity of the catalogue, every
// quirk of the API, and through histories made up at random.
//
// The client reads by the catalogue and the simulator serves by a table of its own,
// both written from the published facts: what one of them has wrong shows here. There
// is neither NATS nor Temporal in it; the tests call the slices as a worker does, and
// the clock of ServiceTitan stands still unless they move it.
package conformance
