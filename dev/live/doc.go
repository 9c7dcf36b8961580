// Package live compares the catalogue with ServiceTitan itself: it reads one page of
// every feed and list, read-only, and says which are reachable, for which the app
// lacks the scope, which answer in another shape, and which records have fields that
// nobody here knows of. The command dev/cmd/live calls it, as make live does.
//
// What is known are the fields of the simulator's records, which were written down
// from the published facts, apart from the catalogue.
package live
