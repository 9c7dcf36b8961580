// Package simulator is a simulated ServiceTitan: a small company whose records
// are made from a seed, the API that serves them with the quirks of the real
// one (OAuth, lists, export feeds, limits, error bodies), signed webhooks, and
// admin routes under /_admin/ to break it on purpose and to look into its memory.
//
// The command "lazisync simulator", the embedded development stack and the
// tests start it; nothing in production does. It follows the published facts
// about the API by a table of its own (tables_*.go) and must import nothing of
// this module, least of all the client that talks to it or the catalogue that
// the client reads by: so that the two sides cannot agree on the same mistake.
//
// # What is simulated
//
// Everything that has an export feed, every list that needs no parent, and
// eight lists of the records of one parent. Customers, jobs, invoices and
// estimates have every documented field and as many records as wanted; of other
// entities there are 200 at first, made when somebody first asks. Not simulated
// are single objects such as business hours, what needs POST (capacity, report
// data), binaries, and writing.
//
// Lists differ as they do in the real API:
//   - pages begin with 1, of business-units/intacct with 0; they have at most
//     5,000 records, of journal entries, form submissions and Intacct 500
//   - most have an envelope of page, pageSize, hasMore, totalCount and data; some
//     are a bare array, have data alone, name the tenant, or are not paged
//   - inactive records are left out unless asked for with active, activeState,
//     activeOnly or includeInactive; a list without such a parameter shows them,
//     but never a deleted one
//   - a parameter that the list does not have is ignored; a bad value of one that
//     it has is answered with 400, which names the parameter
//   - contacts of customers and locations are not listed without a bound,
//     advertising not without a window, look-ups not without ids: 400
//   - without a sort parameter the order is not that of ids
//   - ids are numbers, GUIDs, other text, or several fields together
//   - contacts of one customer who is not active are answered with 409
//
// # Changes
//
// Create, Update, Delete, Deactivate and Restore change one record; Mutate and
// Run let things happen at random to the busy entities (Options.Busy). What has
// a feed is never gone from it: a deleted record reads active=false, a deleted
// purchase order is canceled, and the status of a deleted membership is Deleted.
// What has only a list is gone for good when it is deleted. From logs (job
// history, changes of a membership's status) nothing is deleted.
//
// Records have a number, by which these methods know them. It is also their id,
// unless that is text or they have none.
//
// # Admin routes
//
// JSON in and out:
//
//	POST   /_admin/faults            a Fault; DELETE forgets all
//	GET    /_admin/stats             Stats; DELETE begins anew
//	GET    /_admin/records/{entity}  every record, one {"id", "key", "deleted", "record"} a line; id is its number, key what identifies it as text
//	POST   /_admin/mutate            {"entity", "create", "update", "delete", "deactivate", "restore"}: so many of each, of random records; answers the numbers by entity
//	POST   /_admin/pace              {"delayMs"} that every page takes longer
//
// Where the facts are silent it takes the less comfortable reading: parameter
// names and enum values are matched exactly, lists whose default is not stated
// show active records only, activeOnly is true unless given, an employee may have
// payroll settings twice, and a record whose modifiedOn is null is found by no
// filter on modification.
package simulator
