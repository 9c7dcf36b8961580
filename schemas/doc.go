// Package schemas holds the JSON Schemas of the event data, one file per event
// type. They are the contract that other teams read and test against:
// testdata/ has an example of every rule, and vectors for the request identity.
//
// The events package validates with them and the gateway serves them. The
// package imports nothing of ours.
package schemas
