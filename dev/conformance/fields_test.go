package conformance

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

// A field that ServiceTitan adds is reported by the first sync that reads it, however the entity is read.
func TestAFieldThatServiceTitanAdds(t *testing.T) {
	t.Parallel()
	names := slices.Concat(slices.Collect(maps.Values(verified))...)
	db := newDatabase(t, entitiesNamed(t, names...)...)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, db, simulator.Options{}, name)
			e, _ := entity.Find(name)
			require.Empty(t, p.requireSync(events.Full, name).Warnings)
			fields := value[[]string](p, "select array_agg(field) from raw.sync_fields where tenant_id = $1 and table_name = $2 and not is_new", p.tenant, "raw."+e.Table())
			require.Subset(t, fields, e.Identity())
			require.Greater(t, len(fields), len(e.Columns)/2)

			require.Empty(t, p.requireSync(events.Full, name).Warnings)
			require.NoError(t, p.AddField(name, "addedLater", `{"by":"a release"}`))
			require.Equal(t, []string{"new field, which no record had before: addedLater"}, p.requireSync(events.Full, name).Warnings)
			p.requireEqual(name)
			require.Empty(t, p.requireSync(events.Incremental, name).Warnings)
			require.Empty(t, p.requireSync(events.Full, name).Warnings)
			added := value[[]string](p, "select array_agg(field || ' ' || is_new order by field) from raw.sync_fields where tenant_id = $1 and table_name = $2 and field ~ '^addedLater'",
				p.tenant, "raw."+e.Table())
			require.Equal(t, []string{"addedLater true", "addedLater.by false"}, added)
		})
	}
}
