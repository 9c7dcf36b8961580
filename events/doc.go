// Package events is the event catalogue: one line of catalogue.go ties an event
// type to its NATS subject, its JSON Schema and its Go payload.
//
// Whoever publishes makes an event with Type.New and sends what Encode and
// Header return. Whoever consumes turns a message into an Event with Decode,
// which checks the envelope, and into a payload with Type.Data, which checks
// the data against the schema. What does not pass comes back as a *Rejection
// that names path, value and what is wanted.
//
// The bridge, the notifier, the gateway, the command line, the stream adapter,
// the workflows and the activities all call this package. It knows CloudEvents
// and JSON; it must import nothing of ours but schemas, and no NATS client.
//
// Together with schemas it is the contract other programs may rely on.
package events
