package simulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/simulator"
)

// TestLagDelaysTheAPIAndNotTheWebhook: the webhook reports a change at once, and the API shows the
// old record until later.
func TestLagDelaysTheAPIAndNotTheWebhook(t *testing.T) {
	t.Parallel()
	clock := newClock()
	a := start(t, simulator.Options{RecordsPerEntity: 3, Now: clock.Now, TokenLifetime: day, Lag: time.Minute, RequestsPerSecond: -1})
	var received []simulator.Change
	a.OnChange(func(c simulator.Change) { received = append(received, c) })
	const recent, all = "&includeRecentChanges=true", "?active=Any&pageSize=50"
	before, token := a.feed(t, customersExport, "", recent)
	require.Len(t, before, 3)

	created, err := a.Create("customers")
	require.NoError(t, err)
	require.NoError(t, a.Update("customers", before[0].ID))
	require.Len(t, received, 2)

	clock.advance(59 * time.Second)
	none, token := a.feed(t, customersExport, token, recent)
	require.Empty(t, none)
	whole, _ := a.feed(t, customersExport, "", recent)
	require.Equal(t, before, whole, "the versions before the changes")
	require.ElementsMatch(t, ids(before), a.page(t, customersList+all).ids())

	clock.advance(2 * time.Second)
	late, _ := a.feed(t, customersExport, token, recent)
	require.Equal(t, []int64{created, before[0].ID}, ids(late))
	require.Contains(t, a.page(t, customersList+all).ids(), created)
}
