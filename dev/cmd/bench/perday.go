package main

import "fmt"

// typicalTenant has the assumptions behind the calls per day.
var typicalTenant = struct {
	records     map[string]int
	pageSize    int // of the export feeds; ServiceTitan does not document it
	incremental int // passes per day, each of all default entities
	webhooks    int // per day, each of one entity, which is read twice
	fullDays    int // days between full syncs
}{
	records:  map[string]int{"customers": 50_000, "jobs": 150_000, "invoices": 150_000, "estimates": 50_000},
	pageSize: 1000, incremental: 96, webhooks: 1000, fullDays: 7,
}

const secondsPerDay = 24 * 60 * 60

// callsPerDay computes the API calls of the typical tenant. idle are the measured calls of an
// incremental sync of the default entities that finds nothing.
func callsPerDay(idle int) table {
	full, records := 0, 0
	for _, n := range typicalTenant.records {
		full, records = full+(n+typicalTenant.pageSize-1)/typicalTenant.pageSize, records+n
	}
	incremental := typicalTenant.incremental * idle
	webhooks := 2 * typicalTenant.webhooks
	day := incremental + webhooks + full/typicalTenant.fullDays
	share := func(calls int) string {
		return fmt.Sprintf("%.2f %%", 100*float64(calls)/(budgetPerSecond*secondsPerDay))
	}
	t := table{
		Title:   fmt.Sprintf("API calls of a tenant with %d records of the default entities", records),
		Columns: []string{"calls", "number", "share of a day's rate budget"},
	}
	for _, row := range []struct {
		name  string
		calls int
	}{
		{"one full sync", full},
		{"incremental syncs of a day, every 15 minutes", incremental},
		{fmt.Sprintf("%d webhooks of a day, each with a second pass", typicalTenant.webhooks), webhooks},
		{"a day, with a full sync each week", day},
	} {
		t.Rows = append(t.Rows, []any{row.name, row.calls, share(row.calls)})
	}
	return t
}
