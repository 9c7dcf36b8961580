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
// Admin routes, JSON in and out:
//
//	POST   /_admin/faults            a Fault; DELETE forgets all
//	GET    /_admin/stats             Stats; DELETE begins anew
//	GET    /_admin/records/{entity}  every record, one {"id", "deleted", "record"} a line
//	POST   /_admin/mutate            {"entity", "create", "update", "delete"}; answers the ids by entity
//	POST   /_admin/pace              {"delayMs"} that every page takes longer
//
// Where the facts are silent it takes the less comfortable reading: parameter
// names and enum values are matched exactly, invoices are listed active only
// unless asked otherwise, and a record whose modifiedOn is null is found by no
// filter on modification.
package simulator
