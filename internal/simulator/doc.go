// Package simulator simulates ServiceTitan: a small company whose records are generated from
// a seed, the API that serves them with the quirks of the real one (OAuth, lists, export
// feeds, rate limits, error bodies), signed webhooks, and admin routes under /_admin/ to
// inject faults and to inspect the records.
//
// cmd/servicetitan-simulator, the embedded development stack and the tests start it; no
// production role does. It follows the published facts about the API with tables of its own
// (tables_*.go). It must import nothing of this module, in particular neither the client nor
// the catalogue, so that client and simulator cannot share a mistake.
//
// # What is simulated
//
// Everything that has an export feed, every list that needs no parent, and
// eight lists of the records of one parent. Customers, jobs, invoices and
// estimates have every documented field and as many records as wanted; of other
// entities have 200 at first, generated on the first request. Not simulated are
// single objects such as business hours, operations with POST (capacity, report
// data), binaries, and writing.
//
// Lists differ as they do in the real API:
//   - page numbers begin with 1, of business-units/intacct with 0; they have at most
//     5,000 records, of journal entries, form submissions and Intacct 500
//   - most have an envelope of page, pageSize, hasMore, totalCount and data; some
//     are a bare array, have data alone, name the tenant, or are not paged
//   - inactive records are left out unless requested with active, activeState,
//     activeOnly or includeInactive; a list without such a parameter shows them,
//     but never a deleted one
//   - a parameter that the list does not have is ignored; a bad value of one that
//     it has leads to a 400, which names the parameter
//   - contacts of customers and locations are not listed without a bound,
//     advertising not without a window, look-ups not without ids: 400
//   - without a sort parameter the order is not that of ids
//   - ids are numbers, GUIDs, other text, or several fields together
//   - a request for the contacts of one inactive customer leads to a 409
//
// # Changes
//
// Create, Update, Delete, Deactivate and Restore change one record; Mutate and
// Run make random changes to the busy entities (Options.Busy). Records never leave
// a feed: a deleted record has active=false, a deleted purchase order is canceled,
// and the status of a deleted membership is Deleted. Deleted records of entities
// with only a list disappear. Records of logs (job history, changes of a
// membership's status) cannot be deleted.
//
// These methods identify records by a number. It is also their ID, unless that is
// text or they have none.
//
// # Admin routes
//
// JSON in and out:
//
//	POST   /_admin/faults            adds a Fault; DELETE removes all
//	GET    /_admin/stats             Stats; DELETE resets them
//	GET    /_admin/records/{entity}  every record, one {"id", "key", "deleted", "record"} a line; id is its number, key what identifies it as text
//	POST   /_admin/mutate            {"entity", "create", "update", "delete", "deactivate", "restore"}: changes so many random records; returns their numbers by entity
//	POST   /_admin/fields            {"entity", "field", "value"}: adds a field to every record, as a release of ServiceTitan does
//	POST   /_admin/pace              {"delayMs"} added to the duration of every page
//
// Where the facts are incomplete, it assumes the more difficult behavior: parameter
// names and enum values are matched exactly, lists whose default is not stated
// show active records only, activeOnly is true unless given, an employee may have
// payroll settings twice, and filters on modification never match a record whose
// modifiedOn is null.
package simulator
