// Package ledger holds the values of the ledger: requests, runs, positions and
// controls. The tables behind them decide what was asked, what serves it and how
// it ended; events and signals only tell.
//
// The bridge, the activities, the gateway and the store speak in these values,
// so that none of them needs to know another. The package imports events (a run
// knows how to tell of itself) and internal/entity, and must not import a driver.
package ledger
