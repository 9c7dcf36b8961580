package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// The bounds are ratios of bytes, and far from what is measured. Times are in docs/performance.md alone: other
// tests run at the same time, and would decide about them.
const (
	ratioFactor  = 20   // how much larger the second table is
	unchangedWAL = 0.05 // of the write-ahead log of the first load; measured: 0.002
	memoryGrowth = 2.0  // of the worker; measured: 1.5, because the smaller table does not fill a page of the list
)

func TestRatiosOfADeployment(t *testing.T) {
	t.Parallel()
	sizes := []int{2_000, 2_000 * ratioFactor}
	var companies []simulator.Options
	for i, n := range sizes {
		companies = append(companies, simulator.Options{
			Tenant: int64(growthTenant + i), RecordsPerEntity: 1, Records: map[string]int{growthFeed: n, growthList: n}, RequestsPerSecond: -1,
			ClientID: "cid." + tenantOf(growthTenant+i), ClientSecret: "cs", AppKey: "ak",
		})
	}
	d, err := startDeployment(t.Context(), filepath.Join("..", "..", ".."), companies, t.Logf)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.stop()) }()
	d.pace(0)
	g := newGrowth("", "records", sizes)
	for i := range sizes {
		tenant := tenantOf(growthTenant + i)
		require.NoError(t, d.prepareGrowth(t.Context()))
		require.NoError(t, d.growSteps(t.Context(), g, tenant, feedSteps))
		require.NoError(t, d.growIncrementals(t.Context(), g, tenant))
		require.NoError(t, d.growSteps(t.Context(), g, tenant, listSteps))
		d.growMemory(g)
	}
	t.Log("\n" + g.table().markdown())

	large := func(name string) float64 { return g.values[name][1] }
	require.Less(t, large("feed, no record changed, WAL (MB)"), unchangedWAL*large("feed, first load, WAL (MB)"))
	memory := g.values["worker, resident memory (MiB)"]
	require.Less(t, slices.Max(memory), memoryGrowth*memory[0])
}
