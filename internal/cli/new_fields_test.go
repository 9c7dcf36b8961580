package cli

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// fieldStore has new fields.
type fieldStore struct {
	fakeStore
	fields []ledger.NewField
}

func (s *fieldStore) NewFields(_ context.Context, tenantID events.TenantID, _ string) (list []ledger.NewField, err error) {
	for _, f := range s.fields {
		if tenantID == "" || f.TenantID == tenantID {
			list = append(list, f)
		}
	}
	return list, nil
}

// fieldBackends has only that store.
type fieldBackends struct {
	Backends
	store *fieldStore
}

func (b fieldBackends) Store(context.Context) (Store, error) { return b.store, nil }

func TestPrintNewFields(t *testing.T) {
	t.Parallel()
	seen := time.Date(2026, 3, 1, 12, 0, 0, 123, time.FixedZone("", 3600))
	b := fieldBackends{store: &fieldStore{fields: []ledger.NewField{
		{TenantID: "42", Entity: "customers", Field: "address.plus4", FirstSeenAt: seen, Run: 7}, {TenantID: "43", Entity: "jobs", Field: "tier\n", FirstSeenAt: seen, Run: 6},
	}}}
	printed := func(o EntitiesOptions) string {
		var out bytes.Buffer
		require.NoError(t, PrintNewFields(t.Context(), b, o, &out))
		return out.String()
	}
	require.Equal(t, "ENTITY     FIELD          FIRST SEEN (UTC)     RUN  TENANT\n"+
		"customers  address.plus4  2026-03-01 11:00:00  7    42\njobs       tier           2026-03-01 11:00:00  6    43\n", printed(EntitiesOptions{Drift: true}))
	require.NotContains(t, printed(EntitiesOptions{Drift: true, TenantID: "42"}), "TENANT")
	require.JSONEq(t, `[{"tenantId":"42","entity":"customers","field":"address.plus4","firstSeenAt":"2026-03-01T11:00:00.000000123Z","runNumber":7}]`,
		printed(EntitiesOptions{Drift: true, TenantID: "42", JSON: true}))
	require.Equal(t, "[]\n", printed(EntitiesOptions{Drift: true, TenantID: "44", JSON: true}))
	require.Contains(t, printed(EntitiesOptions{Drift: true, TenantID: "44"}), "No new fields.")
}
