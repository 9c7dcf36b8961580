// Package simulator is a simulated ServiceTitan: a small company whose records
// are made from a seed, the API that serves them with the quirks of the real
// one (OAuth, lists, export feeds, limits, error bodies), signed webhooks, and
// admin routes under /_admin/ to break it on purpose and to look into its memory.
//
// The command "lazisync simulator", the embedded development stack and the
// tests start it; nothing in production does. It follows the published facts
// about the API and must not import the client that talks to it, so that the
// two cannot agree on the same mistake. Of this module it imports only
// internal/entity.
//
// Where the facts are silent it takes the less comfortable reading: parameter
// names and enum values are matched exactly, invoices are listed active only
// unless asked otherwise, and a record whose modifiedOn is null is found by no
// filter on modification.
package simulator
