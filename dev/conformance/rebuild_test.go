package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/simulator"
)

// damageAndRebuild damages the table of an entity and rebuilds it.
func damageAndRebuild(p *pipeline, e entity.Entity) {
	liveRows := p.compare(e.Name).Rows
	for _, damage := range []string{
		"delete from %[1]s where %[2]s limit 2)",
		"update %[1]s set full_data = '{}', modified_on = null where %[2]s offset 5 limit 3)",
		"update %[1]s set deleted_at = fetched_at where %[2]s offset 9 limit 2)",
	} {
		rows := fmt.Sprintf("tenant_id = %s and st_id in (select st_id from raw.%s where tenant_id = %[1]s and deleted_at is null order by st_id", p.tenant, e.Table())
		_, err := p.pool.Exec(p.Context(), fmt.Sprintf(damage, "raw."+e.Table(), rows))
		require.NoError(p, err)
	}
	require.NotEmpty(p, p.differentKeys(e.Name))
	result := p.requireSync(events.Rebuild, e.Name)
	p.requireEqual(e.Name)
	require.Equal(p, liveRows, p.compare(e.Name).Rows)
	require.EqualValues(p, 2, result.Inserted)
	require.EqualValues(p, 5, result.Updated, "%+v", result)
}

// TestRecordSkippedBetweenPagesIsKept: a lookup by id finds a record that the pages missed, so that
// it is not marked deleted.
func TestRecordSkippedBetweenPagesIsKept(t *testing.T) {
	t.Parallel()
	const name = "campaigns"
	db := newDatabase(t, entitiesNamed(t, name)...)
	for _, mode := range []events.Mode{events.Full, events.Rebuild} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, db, simulator.Options{}, name)
			p.requireSync(events.Full, name)
			all := slices.DeleteFunc(p.simulatorRecords(name), func(r simulatorRecord) bool { return !r.active() })
			skipped, restorable := all[70].json.Get("id").Int(), all[80]
			require.NoError(t, p.Delete(name, restorable.number))
			require.NoError(t, p.Update(name, all[70].number))
			p.answer = func(api http.Handler, w http.ResponseWriter, r *http.Request) {
				recorded := httptest.NewRecorder()
				api.ServeHTTP(recorded, r)
				body := recorded.Body.Bytes()
				if r.URL.Query().Has("pageSize") && !r.URL.Query().Has("ids") {
					body = removeRecord(t, body, skipped)
				}
				w.Header().Set("Date", recorded.Header().Get("Date"))
				w.WriteHeader(recorded.Code)
				_, _ = w.Write(body)
			}
			p.clock.Advance(time.Hour)
			run := p.begin(mode, false, name)
			p.finish(run, name)
			result := p.finalize(run).Results[0]
			if mode == events.Rebuild {
				require.Nil(t, result.Error)
			}
			require.EqualValues(t, 1, result.Deleted)
			require.EqualValues(t, records-1, result.Fetched, "including the skipped one")
			p.answer = nil
			p.requireEqual(name)
			var lookups int
			for _, query := range p.queries(name, "list") {
				if query.Has("ids") {
					lookups++
				}
			}
			require.Equal(t, 1, lookups)
		})
	}
}

// removeRecord removes a record from a page and from its count.
func removeRecord(t *testing.T, body []byte, id int64) []byte {
	t.Helper()
	var page map[string]any
	require.NoError(t, json.Unmarshal(body, &page))
	data, ok := page["data"].([]any)
	if !ok {
		return body
	}
	kept := []any{}
	for _, r := range data {
		if int64(r.(map[string]any)["id"].(float64)) != id {
			kept = append(kept, r)
		}
	}
	page["data"] = kept
	if total, counted := page["totalCount"].(float64); counted {
		page["totalCount"] = total - 1
	}
	changed, err := json.Marshal(page)
	require.NoError(t, err)
	return changed
}
