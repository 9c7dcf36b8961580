package activitytest

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/activities"
)

// Tenant is the tenant of everything in here.
const Tenant = "42"

// World is what the activities touch.
type World struct {
	API    *Source
	Ledger *Ledger
	Events *Stream
}

// New is a world in which nothing has happened: every entity has three pages.
func New() *World {
	return &World{
		API:    &Source{PageSize: 10, flying: map[string]int{}, most: map[string]int{}},
		Ledger: newLedger(),
		Events: &Stream{},
	}
}

// Runs are the real activities that begin and end runs, over this world.
func (w *World) Runs() *activities.Runs {
	return &activities.Runs{Ledger: w.Ledger, Publisher: w.Events}
}

// Slices are the real activities that move pages, over this world.
func (w *World) Slices(length time.Duration) *activities.Slices {
	return &activities.Slices{Source: w.API, Store: w.Ledger, Publisher: w.Events, Logger: zerolog.Nop(), Length: length}
}
