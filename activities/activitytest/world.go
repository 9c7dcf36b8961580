package activitytest

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
)

// Tenant is the tenant of every request and run.
const Tenant events.TenantID = "42"

// World is the set of fakes that the activities use.
type World struct {
	API    *Source
	Ledger *Ledger
	Events *Stream

	MinInterval time.Duration // between the beginnings of two incremental passes
}

// New returns a world without requests and rows, in which every entity has three pages.
func New() *World {
	return &World{
		API:    &Source{PageSize: 10, flying: map[string]int{}, most: map[string]int{}},
		Ledger: newLedger(),
		Events: &Stream{},
	}
}

// Runs returns the real activities that begin and finalize runs, using this world.
func (w *World) Runs() *activities.Runs {
	return &activities.Runs{Ledger: w.Ledger, Publisher: w.Events, MinInterval: map[events.TenantID]time.Duration{Tenant: w.MinInterval}}
}

// Slices returns the real activities that read and store pages, using this world.
func (w *World) Slices(length time.Duration) *activities.Slices {
	return &activities.Slices{Source: w.API, Store: w.Ledger, Publisher: w.Events, Logger: zerolog.Nop(), Length: length}
}
