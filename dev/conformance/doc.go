// Package conformance runs the production client, sync slices and store against the simulated
// ServiceTitan: for every entity of the catalogue, every undocumented behaviour of the API that is
// known, and through random histories.
//
// The client reads by the catalogue. The simulator serves by its own table. Both are written from
// the published facts, so that a mistake in one of them fails a test here. The tests use neither
// NATS nor Temporal: they call the slices as a worker does. ServiceTitan's clock changes
// only when a test advances it.
package conformance
