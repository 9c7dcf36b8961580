// Package schemas holds the JSON Schemas of the event data, one file per event
// type. They are the contract that other teams read and test against:
// testdata/ has an example of every rule, and vectors for the request identity.
//
// Beside them lie the documents that describe the whole: openapi.json the HTTP
// interface, asyncapi.json the events.
//
// The events package validates with the schemas, the gateway serves the documents.
// The package imports nothing of ours.
package schemas
