package main

import (
	"strconv"

	"github.com/lazi/lazisync/internal/simulator"
)

// Simulated tenants. All but the one of the sizing have pages of smallPage records, so that the
// latency of the API limits the syncs, not the processors.
const (
	smallPage = 50

	soloTenant   = 9000 // reads alone
	fleetTenant  = 9001 // the first of fleetSize equal tenants
	fleetSize    = 100
	busyTenant   = 9201 // uses its whole rate budget
	sizingTenant = 9202 // has records of every entity
	growthTenant = 9203 // the first of those of the section growth

	everythingTenant = 9211 // has records of every entity, on small pages

	stormTenant  = 9400 // the first of stormTenants with one page each
	stormTenants = 100

	latencyTenant  = 9221 // the first of latencyTenants equal ones, with pages of the usual size
	latencyRecords = 1_000

	loadingTenant  = 9299 // has large pages and no rate limit
	loadingRecords = 60_000
	loadingPage    = 5_000

	soloPages  = 40 // of each of the four default entities
	fleetPages = 10
	busyPages  = 40 // of each of busyEntities
	everyPages = 15 // of each entity with an export feed

	sizingRecords     = 20_000 // of each of the four default entities
	sizingRecordsRest = 1_000  // of each other entity
)

// defaultEntities are those of a request that names none.
var defaultEntities = []string{"customers", "jobs", "invoices", "estimates"}

// companyOptions returns the simulated tenants.
func companyOptions() []simulator.Options {
	small := func(tenant int64, pages int) simulator.Options {
		return simulator.Options{Tenant: tenant, RecordsPerEntity: pages * smallPage, ExportPageSize: smallPage}
	}
	all := []simulator.Options{small(soloTenant, soloPages)}
	for i := range int64(fleetSize) {
		all = append(all, small(fleetTenant+i, fleetPages))
	}
	busy := small(busyTenant, busyPages)
	busy.Records = recordsOf(busyEntities(), busyPages*smallPage)
	rest := recordsOf(simulator.Entities(), sizingRecordsRest)
	for _, name := range defaultEntities {
		rest[name] = sizingRecords
	}
	all = append(all, busy, simulator.Options{Tenant: sizingTenant, RecordsPerEntity: sizingRecords, Records: rest},
		simulator.Options{Tenant: loadingTenant, RecordsPerEntity: loadingRecords, ExportPageSize: loadingPage, RequestsPerSecond: -1})
	everything := small(everythingTenant, everyPages)
	everything.Records = recordsOf(simulator.Entities(), everyPages*smallPage)
	all = append(all, everything)
	for i := range int64(stormTenants) {
		all = append(all, small(stormTenant+i, 1))
	}
	for i := range int64(latencyTenants) {
		all = append(all, simulator.Options{Tenant: latencyTenant + i, RecordsPerEntity: latencyRecords})
	}
	all = append(all, growthOptions()...)
	for i := range all {
		id := strconv.FormatInt(all[i].Tenant, 10)
		all[i].Seed, all[i].ClientID, all[i].ClientSecret, all[i].AppKey = all[i].Tenant, "cid."+id, "cs."+id, "ak."+id
	}
	return all
}

func recordsOf(entities []string, records int) map[string]int {
	all := map[string]int{}
	for _, name := range entities {
		all[name] = records
	}
	return all
}

// fleet returns the first tenants of the fleet.
func fleet(size int) []string { return tenantsFrom(fleetTenant, size) }

func tenantsFrom(first, size int) (ids []string) {
	for i := range size {
		ids = append(ids, tenantOf(first+i))
	}
	return ids
}

func tenantOf(number int) string { return strconv.Itoa(number) }
