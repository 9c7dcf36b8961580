// Package live compares the catalogue with the real ServiceTitan API. It reads one page of every
// feed and list and reports whether it is reachable, whether the app lacks the scope, whether
// the shape differs, and which fields are unknown. dev/cmd/live, and so make live, calls it.
//
// Known fields are those of the simulator's records, which follow the published documentation
// independently of the catalogue.
package live
