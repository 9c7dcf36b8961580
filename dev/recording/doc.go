// Package recording records every change of the ledger, and checks whether the changes and the
// events are in an order that the ledger allows: a run is finalized once, a cursor only moves
// forward by compare-and-set, and controls apply in the order of their stream.
//
// The database itself writes the recording, with triggers. So it has every change that was
// committed, also by processes that were killed, and none that was rolled back. Its order is
// that of the row locks. ADR 45 has the reasons.
//
// The fault tests call it.
package recording
