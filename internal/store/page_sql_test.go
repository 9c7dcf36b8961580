package store

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

func TestPageSQL(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"customers", "estimates"} {
		e, ok := entity.Find(name)
		require.True(t, ok)
		golden(t, "page_"+name+".sql", pageSQL(e, tableName(e)))
		golden(t, "table_"+name+".sql", createTable(e))
	}
	estimates, _ := entity.Find("estimates")
	bare := entity.Entity{Name: "bare", Key: entity.TextID}
	golden(t, "page_bare.sql", pageSQL(bare, tableName(bare)))
	golden(t, "page_values_estimates.sql", pageWithValuesSQL(estimates, tableName(estimates)))
	staging := stagingTable(ledger.Target{Run: ledger.Ref{Number: 7}, Mode: events.Rebuild})
	golden(t, "merge_customers.sql", mergeSQL(entity.Catalogue[0], staging))
	golden(t, "diff_customers.sql", diffSQL(entity.Catalogue[0], staging))
	golden(t, "merge_bare.sql", mergeSQL(bare, staging))
	staging = stagingTable(ledger.Target{Run: ledger.Ref{Number: 7}, Mode: events.Verify, Entity: entity.Catalogue[1]})
	golden(t, "look_jobs.sql", looks(layout{table: "raw.st_jobs", entity: entity.Catalogue[1]}, entity.Catalogue[1].Columns, staging, false))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got+"\n"), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got+"\n")
}

// TestColumnsCostNoStatement keeps typed columns from hiding the ones every table has.
func TestColumnsCostNoStatement(t *testing.T) {
	t.Parallel()
	for _, e := range entity.Catalogue {
		seen := map[string]bool{"is_deleted": true, "data": true, "place": true} // as the statements call what they make of a record
		for _, c := range tableColumns(e) {
			require.False(t, seen[c.name], "%s.%s", tableName(e), c.name)
			seen[c.name] = true
		}
	}
}
