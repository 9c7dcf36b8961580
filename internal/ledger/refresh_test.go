package ledger

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestRefreshes(t *testing.T) {
	t.Parallel()
	all := Refreshes()
	require.Len(t, all, len(entity.Catalogue))
	for name, c := range map[string]struct{ noIDs, noSince string }{
		"jobs":                    {},
		"journal_entries":         {},
		"campaigns":               {},
		"job_notes":               {noIDs: "since, or a request for the whole entity: ServiceTitan has no list of it"},
		"technician_shifts":       {noIDs: "since, or a request for the whole entity: its list takes no ids"},
		"calls":                   {noIDs: "since, or a request for the whole entity: its list has other fields than its export feed"},
		"payment_types":           {noSince: "ids, or a request for the whole entity: its list cannot be filtered by the time of a change"},
		"client_specific_pricing": {noSince: "ids, or a request for the whole entity: its list cannot be filtered by the time of a change"},
		"location_labor_rates": {
			noIDs:   "a request for the whole entity: its list takes no ids",
			noSince: "a request for the whole entity: its list cannot be filtered by the time of a change",
		},
	} {
		require.Equal(t, c.noIDs, all[name].NoIDs, name)
		require.Equal(t, c.noSince, all[name].NoSince, name)
	}
	var texts []string
	for name, r := range all {
		if !r.Numeric && r.NoIDs == "" {
			texts = append(texts, name)
		}
	}
	slices.Sort(texts)
	require.Equal(t, []string{"journal_entries"}, texts, "ids that are no numbers")
}
