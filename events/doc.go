// Package events is the catalogue of events and of the modes of a sync. A line of
// catalogue.go ties an event type to its NATS subject, its JSON Schema and its Go payload.
// A row of modes.go holds the properties of a mode.
//
// To publish, create an event with Type.New and send the results of Encode and Header. To
// consume, turn a message into an Event with Decode, which checks the envelope, and the
// Event into a payload with Type.Data, which validates the data against the schema.
// Invalid input is a *Rejection with the path, the value and the expected value of every
// error.
//
// The bridge, notifier, gateway, command line, stream adapter, workflows and activities
// use this package. Of this module it may import only schemas and internal/display. It must
// not import a NATS client.
//
// With schemas, it is the contract with other programs.
package events
