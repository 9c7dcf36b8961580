package entity

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fact is a line of testdata/api.txt: what is published about an entity.
type fact struct{ name, list, export, id, states, filter, sort, scope string }

func facts(t *testing.T) (all []fact) {
	t.Helper()
	text, err := os.ReadFile("testdata/api.txt")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "\n\n")
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		require.Len(t, f, 8, line)
		for i, v := range f {
			if v == "-" {
				f[i] = ""
			}
		}
		all = append(all, fact{f[0], withTenant(f[1]), withTenant(f[2]), f[3], f[4], f[5], f[6], f[7]})
	}
	return all
}

// withTenant puts the tenant behind module and version.
func withTenant(path string) string {
	if path == "" {
		return ""
	}
	part := strings.SplitN(path, "/", 4)
	return "/" + part[1] + "/" + part[2] + "/tenant/{tenant}/" + part[3]
}

// ofParent says whether the list can be read only of one parent.
func (f fact) ofParent() bool {
	return strings.Contains(strings.Replace(f.list, "{tenant}", "", 1), "{")
}

// TestEveryEndpointIsListedOrExcluded keeps the catalogue and the exclusions complete.
func TestEveryEndpointIsListedOrExcluded(t *testing.T) {
	t.Parallel()
	var want []string
	for _, f := range facts(t) {
		want = append(want, f.name)
	}
	got := Names()
	for _, x := range Excluded {
		got = append(got, x.Name)
		require.NotEmpty(t, x.Reason, x.Name)
		if x.Instead != "" {
			_, found := Find(x.Instead)
			require.True(t, found, "%s instead of %s", x.Instead, x.Name)
		}
	}
	slices.Sort(got)
	require.Equal(t, want, got)
}

// TestEveryBulkEndpointIsInTheCatalogue: nothing is left out that has a feed, or a list without a
// parent whose records have an id.
func TestEveryBulkEndpointIsInTheCatalogue(t *testing.T) {
	t.Parallel()
	for _, f := range facts(t) {
		_, synced := Find(f.name)
		require.True(t, synced || f.export == "", f.name)
		bulk := f.list != "" && !f.ofParent() && f.id != "none"
		if bulk && f.name != "inventory_bills_unpaged" { // the same records in one answer without pages
			require.True(t, synced, f.name)
		}
	}
}

// unused are filters of change that an entity has and the catalogue leaves: they are by
// creation, and the lists short.
var unused = []string{"arrival_windows", "payment_types", "user_roles"}

// TestCatalogueMatchesTheAPI compares what both say of each entity.
func TestCatalogueMatchesTheAPI(t *testing.T) {
	t.Parallel()
	states := map[string]QueryParam{
		"active": {"active", "Any"}, "activeState": {"activeState", "All"}, "activeOnly": {"activeOnly", "false"}, "includeInactive": {"includeInactive", "true"},
	}
	for _, f := range facts(t) {
		e, synced := Find(f.name)
		if !synced {
			continue
		}
		require.Equal(t, f.export, e.Export, f.name)
		require.Equal(t, f.scope, e.Scope, f.name)
		require.Equal(t, f.id == "none", len(e.KeyFields) > 0, "%s has a key other than its id", f.name)
		require.True(t, f.id == "none" || (f.id == "text") == (e.Key == TextID), "%s: %s", f.name, e.Key)
		if e.List == "" {
			require.True(t, f.list == "" || f.ofParent() || f.name == "invoice_templates", "%s: its list is left out", f.name) // that one takes ids alone
			continue
		}
		require.Equal(t, f.list, e.List, f.name)
		require.Equal(t, states[f.states], e.States, f.name)
		require.True(t, e.Filter.From == f.filter || slices.Contains(unused, f.name), "%s: %q", f.name, e.Filter.From)
		require.True(t, f.sort == "any" || (f.sort == "id") == (e.Sort != ""), "%s: %q", f.name, e.Sort)
	}
}
