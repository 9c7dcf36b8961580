package conformance

import (
	"sync/atomic"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
	"github.com/lazi/lazisync/internal/store"
)

// Changes of the field policy in a history. Rows of several policies differ from their records until a
// rebuild, whatever else happens.

// historyPolicies are the rules for each entity between which a history changes, nil for none.
var historyPolicies = [][]entity.FieldRule{
	nil,
	{{Path: "*", Action: entity.DropField}},
	{{Path: "*.*", Action: entity.DropField}, {Path: "name", Action: entity.HashField}},
	{{Path: "name", Action: entity.DropField}, {Path: "createdOn", Action: entity.DropField}},
}

// currentPolicy is the policy of the store and of the client, which a history changes.
type currentPolicy struct {
	policy atomic.Pointer[servicetitan.FieldPolicy]
}

func (c *currentPolicy) Digest(name string) string { return c.policy.Load().Digest(name) }

func (c *currentPolicy) Clean(name string, document []byte, mayBeHashed bool) []byte {
	return c.policy.Load().Clean(name, document, mayBeHashed)
}

// usePolicies lets the history change its policy. It has a store of its own.
func (h *history) usePolicies() {
	h.policy, h.mixed = &currentPolicy{}, true
	own, err := store.Open(h.Context(), h.database.address, store.Options{MaxConns: 6, Overlap: overlap, Entities: h.entities, FieldPolicy: h.policy, Logger: zerolog.Nop()})
	require.NoError(h, err)
	h.Cleanup(own.Close)
	h.database = &database{store: own, pool: h.pool, address: h.database.address}
}

// setPolicy changes the policy of the client and of the store.
func (h *history) setPolicy(rules []entity.FieldRule) {
	var all []entity.FieldRule
	for _, r := range rules {
		for _, name := range h.names {
			all = append(all, entity.FieldRule{Entity: name, Path: r.Path, Action: r.Action})
		}
	}
	policy := servicetitan.NewFieldPolicy(entity.NewFieldPolicy(all), fieldsKey)
	h.policy.policy.Store(policy)
	h.source.replaced.Store(h.newClient(policy))
	h.count("policies")
}

// endPolicies rebuilds all tables with a policy, which leaves no other value in any row, and then without one.
func (h *history) endPolicies() {
	for _, rules := range [][]entity.FieldRule{historyPolicies[1], nil} {
		h.setPolicy(rules)
		for _, e := range h.entities {
			h.requireSync(events.Rebuild, e.Name)
			fields := value[[]string](h.pipeline, "select coalesce(array_agg(distinct field), '{}') from raw."+e.Table()+", jsonb_object_keys(full_data) field where tenant_id = $1", h.tenant)
			if rules == nil {
				require.Greater(h, len(fields), len(e.EngineFields()), e.Name)
			} else {
				require.Subset(h, e.EngineFields(), fields, e.Name)
			}
		}
		outdated, err := h.store.OutdatedPolicies(h.Context())
		require.NoError(h, err)
		for _, table := range outdated {
			require.NotEqual(h, h.tenant, string(table.TenantID), table.Entity)
		}
	}
	h.mixed = false
}
