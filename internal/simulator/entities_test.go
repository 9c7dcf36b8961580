package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// facts are the published facts about an entity.
type facts struct {
	name, list, export, id, states, window, sorts, scope string
}

// published reads testdata/entities.txt.
func published(t *testing.T) []facts {
	t.Helper()
	text, err := os.ReadFile("testdata/entities.txt")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "\n\n")
	var all []facts
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		require.Len(t, f, 8, line)
		for i, v := range f {
			if v == "-" {
				f[i] = ""
			}
		}
		all = append(all, facts{f[0], withTenant(f[1]), withTenant(f[2]), f[3], f[4], f[5], f[6], f[7]})
	}
	return all
}

func withTenant(path string) string {
	if path == "" {
		return ""
	}
	part := strings.SplitN(path, "/", 4)
	return "/" + part[1] + "/" + part[2] + "/tenant/{tenant}/" + part[3]
}

// requiredParameters are the required parameters of lists: some reject a request without a bound.
var requiredParameters = map[string]string{
	"customer_contacts": "modifiedBefore=2999-01-01", "location_contacts": "createdBefore=2999-01-01",
	"attributed_leads": "fromUtc=2000-01-01&toUtc=2999-01-01", "performance": "fromUtc=2000-01-01&toUtc=2999-01-01&performanceSegmentationType=Campaign",
	"intacct_business_unit_mappings": "includeTotal=true",
}

// lookupOnly are the endpoints that respond only to ids.
var lookupOnly = []string{"job_cancel_reasons_lookup", "job_hold_reasons_lookup", "invoice_templates"}

// rows reads a page of any shape.
func (a *api) rows(t *testing.T, path string, query ...string) []map[string]any {
	t.Helper()
	status, body := a.get(t, path+"?"+strings.Join(query, "&"))
	require.Equal(t, http.StatusOK, status, "%s?%s: %s", path, query, body)
	var bare []map[string]any
	if body[0] == '[' {
		require.NoError(t, json.Unmarshal(body, &bare))
		return bare
	}
	var p struct{ Data []map[string]any }
	require.NoError(t, json.Unmarshal(body, &p), "%s", body)
	return p.Data
}

func TestEntities(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range published(t) {
		names = append(names, f.name)
	}
	served := simulator.Entities()
	slices.Sort(names)
	slices.Sort(served)
	require.Equal(t, names, served)
}

// TestEveryList requests every list with all documented parameters, and with some unknown ones.
func TestEveryList(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 400, RequestsPerSecond: -1})
	for _, f := range published(t) {
		if f.list == "" || slices.Contains(lookupOnly, f.name) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			need := requiredParameters[f.name]
			large := "pageSize=500"
			all := a.rows(t, f.list, need, large, anyState[f.states])
			require.Len(t, all, listed(t, a, f))
			require.Equal(t, f.states == "" || f.states == "all", len(a.rows(t, f.list, need, large)) == len(all), "the default leaves inactive ones out")

			takes := func(name, value string) bool {
				status, _ := a.get(t, f.list+"?"+need+"&"+name+"="+value)
				return status == http.StatusBadRequest
			}
			modified := f.window == "modified"
			require.Equal(t, modified, takes("modifiedOnOrAfter", "recently"))
			require.Equal(t, f.window == "submitted", takes("submittedOnOrAfter", "recently"))
			require.Equal(t, f.window == "created" || modified && !onlyModifiedFilter(f.name), takes("createdOnOrAfter", "recently"))
			require.Equal(t, modified, len(a.rows(t, f.list, need, large, "modifiedOnOrAfter=2900-01-01")) == 0, "no change is that young")
			require.Equal(t, f.sorts != "", takes("sort", "%2BNothing"))
			for field := range strings.SplitSeq(strings.Replace(f.sorts, "any", "Id/ModifiedOn/CreatedOn", 1), "/") {
				if field != "" {
					require.False(t, takes("sort", url.QueryEscape("-"+field)), field)
				}
			}
		})
	}
}

// anyState are the parameters that include inactive records.
var anyState = map[string]string{
	"active": "active=Any", "activeState": "activeState=All", "activeOnly": "activeOnly=false", "includeInactive": "includeInactive=true",
}

// onlyModifiedFilter are the lists with a filter by change and without one by creation.
func onlyModifiedFilter(name string) bool {
	return slices.Contains([]string{"estimate_templates", "proposal_templates"}, name)
}

// listed returns the number of records of an entity that the list can return: deleted ones only if
// it can include inactive records.
func listed(t *testing.T, a *api, f facts) int {
	t.Helper()
	n := 0
	for _, line := range a.memory(t, f.name) {
		if !line.Deleted || f.states != "" {
			n++
		}
	}
	return n
}

// line is a record as the admin route shows it.
type line struct {
	ID      int64
	Key     string
	Deleted bool
	Record  map[string]any
}

func (a *api) memory(t *testing.T, entity string) (lines []line) {
	t.Helper()
	status, body := a.admin(t, "GET", "records/"+entity, "")
	require.Equal(t, http.StatusOK, status, body)
	for text := range strings.Lines(body) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		lines = append(lines, l)
	}
	return lines
}

// TestEveryRecord: ids have the form of the facts, and all records of an entity differ.
func TestEveryRecord(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 400, RequestsPerSecond: -1})
	for _, f := range published(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			keys := map[string]bool{}
			for _, l := range a.memory(t, f.name) {
				require.False(t, keys[l.Key], l.Key)
				keys[l.Key] = true
				switch f.id {
				case "int":
					require.IsType(t, float64(0), l.Record["id"])
				case "text":
					require.IsType(t, "", l.Record["id"])
				default:
					require.NotContains(t, l.Record, "id")
				}
			}
		})
	}
}

// TestEveryFeed: a feed has every record, including deleted ones.
func TestEveryFeed(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{Seed: 1, RecordsPerEntity: 400, ExportPageSize: 70, RequestsPerSecond: -1})
	feeds := 0
	for _, f := range published(t) {
		if f.export == "" {
			continue
		}
		feeds++
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			rows, _ := a.feed(t, f.export, "", "")
			require.Len(t, rows, len(a.memory(t, f.name)))
			inactive := 0
			for _, r := range rows {
				if r.Active != nil && !*r.Active {
					inactive++
				}
			}
			silent := slices.Contains([]string{"purchase_orders", "job_history", "membership_status_changes"}, f.name)
			require.Equal(t, !silent, inactive > 0)
		})
	}
	require.Positive(t, feeds)
}

// TestEveryScope: lists and feeds reject calls without the scope.
func TestEveryScope(t *testing.T) {
	t.Parallel()
	all := published(t)
	var scopes []string
	for _, f := range all {
		scopes = append(scopes, f.scope)
	}
	none := start(t, simulator.Options{RecordsPerEntity: 1, RequestsPerSecond: -1, WithoutScopes: scopes})
	for _, f := range all {
		for _, path := range []string{f.list, f.export} {
			if path != "" {
				status, body := none.get(t, path)
				require.Equal(t, http.StatusForbidden, status, path)
				require.Contains(t, string(body), "Scope validation failed")
			}
		}
	}
}
