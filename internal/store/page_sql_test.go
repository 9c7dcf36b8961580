package store

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
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
	golden(t, "merge_customers.sql", mergeSQL(entity.Catalogue[0], stagingTable(7)))
	golden(t, "diff_customers.sql", diffSQL(entity.Catalogue[0], stagingTable(7)))
	golden(t, "merge_bare.sql", mergeSQL(bare, stagingTable(7)))
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
